import type { Socket } from 'node:net'
import { WebSocket } from 'ws'
import { writeMessage } from '../vendor/ws.ts'
import type { Frame } from './frames.ts'
import type { Subscriber } from './subscriber.ts'

/** So many bytes may wait for a peer that does not read; then frames are skipped. The kernel holds some megabytes more. */
const bufferLimit = 64 * 1024

/**
 * The server's end of one WebSocket. It is an object without closures and is written to directly, because with thousands
 * in a room the memory that each frame touches is what the frame costs (decision 13).
 */
export class LiveClient implements Subscriber {
  readonly webSocket: WebSocket
  /** The socket below `webSocket`. */
  readonly #socket: Socket
  /** How many frames came that could not be understood. */
  badFrames = 0
  /** True once a frame was skipped, until everything that waited is written. */
  skipped = false
  /** False from a ping until its pong. */
  alive = true

  constructor(webSocket: WebSocket, socket: Socket) {
    this.webSocket = webSocket
    this.#socket = socket
  }

  ready(): boolean {
    if (this.webSocket.readyState !== WebSocket.OPEN) return false
    this.skipped ||= this.#socket.writableLength > bufferLimit
    return !this.skipped
  }

  send(frame: Frame): void {
    if (this.webSocket.readyState === WebSocket.OPEN) writeMessage(this.#socket, frame.message)
  }
}
