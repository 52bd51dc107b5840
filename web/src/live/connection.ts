import type { ServerFrame } from '@rollcall/shared'
import { closeCodes } from '@rollcall/shared/codes'
import { backoffDelay } from './back-off.ts'
import { Fallback } from './fallback.ts'
import type { LiveListener, LivePorts, Transport } from './environment.ts'
import { LiveSocket } from './socket.ts'

export { browserPorts, type LiveListener, type LivePorts, type Transport } from './environment.ts'

const failedOpeningsBeforeFallback = 2
const healthyMilliseconds = 10_000
const socketAgainMilliseconds = 60_000

/**
 * The one live connection of a tab, for any number of sessions: a WebSocket; server-sent events and then polling where
 * a WebSocket cannot be had. It decides nothing about the numbers: whoever listens keeps the highest version.
 */
export class LiveConnection {
  readonly #ports: LivePorts
  readonly #listener: LiveListener
  readonly #rooms = new Map<string, number>()
  #running = false
  #socket: LiveSocket | null = null
  #fallback: Fallback | null = null
  #transport: Transport = 'connecting'
  #attempt = 0
  #failedOpenings = 0
  #retryTimer: unknown
  #healthTimer: unknown

  constructor(ports: LivePorts, listener: LiveListener) {
    this.#ports = ports
    this.#listener = listener
  }

  start(): void {
    if (this.#running) return
    this.#running = true
    this.#attempt = 0
    this.#failedOpenings = 0
    this.#setTransport('connecting')
    this.#connect()
  }

  /** Ends everything; subscriptions are kept for the next start. */
  stop(): void {
    this.#running = false
    this.#clearTimers()
    this.#socket?.discard()
    this.#socket = null
    this.#fallback?.stop()
    this.#fallback = null
  }

  /** Joins a session's room. The room is left when everybody who joined has called what this returns. */
  subscribe(sessionId: string): () => void {
    const count = this.#rooms.get(sessionId) ?? 0
    this.#rooms.set(sessionId, count + 1)
    if (count === 0) {
      this.#socket?.send({ type: 'subscribe', sessionId })
      this.#fallback?.open(sessionId)
    }
    let left = false
    return () => {
      if (left) return
      left = true
      this.#leave(sessionId)
    }
  }

  /** To be called when the page shows again or the network is back: what seemed alive may be long gone. */
  lookAgain(): void {
    if (!this.#running) return
    this.#fallback?.lookAgain()
    if (this.#socket) this.#socket.probe()
    else this.#connect()
  }

  #leave(sessionId: string): void {
    const count = (this.#rooms.get(sessionId) ?? 0) - 1
    if (count > 0) {
      this.#rooms.set(sessionId, count)
      return
    }
    this.#rooms.delete(sessionId)
    this.#socket?.send({ type: 'unsubscribe', sessionId })
    this.#fallback?.close(sessionId)
  }

  #connect(): void {
    this.#ports.clearTimer(this.#retryTimer)
    this.#socket = new LiveSocket(this.#ports, {
      opened: () => this.#join(),
      frame: (frame) => this.#take(frame),
      ended: (code, worked) => this.#ended(code, worked),
    })
  }

  #join(): void {
    this.#socket?.send({ type: 'subscribe', room: 'active' })
    for (const sessionId of this.#rooms.keys()) this.#socket?.send({ type: 'subscribe', sessionId })
  }

  #take(frame: ServerFrame): void {
    if (this.#transport !== 'websocket') this.#works()
    this.#listener.heard()
    if (frame.type === 'progress') this.#listener.progress(frame.data)
    if (frame.type === 'active') this.#listener.active(frame.data)
    if (frame.type === 'event') this.#listener.event(frame.sessionId, frame.data)
    if (frame.type === 'error' && frame.code === 'SESSION_NOT_FOUND' && frame.sessionId) {
      this.#listener.unknown(frame.sessionId)
    }
  }

  #works(): void {
    this.#failedOpenings = 0
    // What the fallback had confirmed is confirmed anew by the frames of this socket.
    if (this.#fallback) this.#listener.lost()
    this.#fallback?.stop()
    this.#fallback = null
    this.#healthTimer = this.#ports.setTimer(() => (this.#attempt = 0), healthyMilliseconds)
    this.#setTransport('websocket')
  }

  #ended(code: number, worked: boolean): void {
    this.#socket = null
    this.#clearTimers()
    if (worked) this.#listener.lost()
    if (code === closeCodes.notSignedIn || code === closeCodes.notAllowed) {
      this.stop()
      this.#setTransport('stopped')
      if (code === closeCodes.notSignedIn) this.#listener.signedOut()
      return
    }
    if (worked) this.#setTransport('connecting')
    else this.#failedOpenings += 1
    if (this.#failedOpenings >= failedOpeningsBeforeFallback && !this.#fallback) this.#startFallback()
    this.#retryLater()
  }

  #retryLater(): void {
    const delay = this.#fallback ? socketAgainMilliseconds : backoffDelay(this.#attempt, this.#ports.random())
    this.#attempt += 1
    this.#retryTimer = this.#ports.setTimer(() => this.#connect(), delay)
  }

  #startFallback(): void {
    const fallback = new Fallback(this.#ports, this.#listener, {
      changed: () => {
        if (this.#fallback === fallback) this.#setTransport(fallback.transport)
      },
      // Nothing answered when the WebSocket failed, so that failure said nothing about WebSockets.
      serverIsBack: () => {
        if (this.#fallback === fallback && !this.#socket) this.#connect()
      },
    })
    this.#fallback = fallback
    for (const sessionId of this.#rooms.keys()) fallback.open(sessionId)
  }

  #clearTimers(): void {
    this.#ports.clearTimer(this.#retryTimer)
    this.#ports.clearTimer(this.#healthTimer)
  }

  #setTransport(transport: Transport): void {
    if (this.#transport === transport) return
    this.#transport = transport
    this.#listener.transport(transport)
  }
}
