import type { ClientFrame, ServerFrame } from '@rollcall/shared'
import { livePaths, type LiveEnvironment } from './environment.ts'

export const openingMilliseconds = 2_500
export const firstFrameMilliseconds = 5_000
/** The server sends a heartbeat every 15 s; a connection that misses almost two of them is dead. */
export const watchdogMilliseconds = 28_000
export const probeMilliseconds = 2_500

interface SocketHooks {
  /** The socket takes frames now. */
  opened(): void
  frame(frame: ServerFrame): void
  /** The socket is closed. `hasReceived` is false when no frame ever arrived; `code` is 0 when this side gave up. */
  closed(code: number, hasReceived: boolean): void
}

function parseFrame(text: unknown): ServerFrame | null {
  if (typeof text !== 'string') return null
  try {
    const frame: unknown = JSON.parse(text)
    return typeof frame === 'object' && frame !== null && 'type' in frame ? (frame as ServerFrame) : null
  } catch {
    return null
  }
}

/** One WebSocket from its opening to its end, and the watchdog over its silence. It reports its end exactly once. */
export class LiveSocket {
  readonly #environment: LiveEnvironment
  readonly #hooks: SocketHooks
  readonly #socket: WebSocket
  #timer: unknown
  #state: 'opening' | 'open' | 'receiving' | 'closed' = 'opening'
  #isProbing = false

  constructor(environment: LiveEnvironment, hooks: SocketHooks) {
    this.#environment = environment
    this.#hooks = hooks
    this.#expectWithin(openingMilliseconds)
    this.#socket = environment.openSocket(livePaths.socket)
    this.#socket.addEventListener('open', () => this.#open())
    this.#socket.addEventListener('message', ({ data }) => this.#receive(data))
    this.#socket.addEventListener('close', ({ code }) => this.#end(code))
  }

  send(frame: ClientFrame): void {
    if (this.#state === 'open' || this.#state === 'receiving') this.#socket.send(JSON.stringify(frame))
  }

  /** Requests a frame and gives up if none comes: a socket looks open long after its network has gone. */
  probe(): void {
    if (this.#state !== 'receiving' || this.#isProbing) return
    this.#isProbing = true
    this.send({ type: 'subscribe', room: 'active' })
    this.#expectWithin(probeMilliseconds)
  }

  /** Closes the socket without a report. */
  discard(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#environment.clearTimer(this.#timer)
    this.#socket.close()
  }

  #open(): void {
    if (this.#state !== 'opening') return
    this.#state = 'open'
    this.#expectWithin(firstFrameMilliseconds)
    this.#hooks.opened()
  }

  #receive(data: unknown): void {
    const frame = parseFrame(data)
    if (!frame || this.#state === 'closed') return
    this.#state = 'receiving'
    this.#isProbing = false
    this.#expectWithin(watchdogMilliseconds)
    this.#hooks.frame(frame)
  }

  #expectWithin(milliseconds: number): void {
    this.#environment.clearTimer(this.#timer)
    this.#timer = this.#environment.setTimer(() => this.#end(0), milliseconds)
  }

  #end(code: number): void {
    if (this.#state === 'closed') return
    const hasReceived = this.#state === 'receiving'
    this.discard()
    this.#hooks.closed(code, hasReceived)
  }
}
