import type { ServerFrame } from '@rollcall/shared'
import { closeCodes } from '@rollcall/shared/codes'
import { backOffDelay } from './back-off.ts'
import type { LiveEnvironment, LiveListener, Transport } from './environment.ts'
import { Fallback } from './fallback.ts'
import { LiveSocket } from './socket.ts'

const failedOpeningsBeforeFallback = 2
const healthyMilliseconds = 10_000
const socketRetryMilliseconds = 60_000

/**
 * The one live connection of a tab, for any number of sessions: a WebSocket; server-sent events and then polling where
 * a WebSocket cannot be had. It passes on every progress as it comes: the listener keeps the highest version.
 */
export class LiveConnection {
  readonly #environment: LiveEnvironment
  readonly #listener: LiveListener
  readonly #subscribers = new Map<string, number>()
  #isRunning = false
  #socket: LiveSocket | null = null
  #fallback: Fallback | null = null
  #transport: Transport = 'connecting'
  #attempt = 0
  #failedOpenings = 0
  #retryTimer: unknown
  #healthTimer: unknown

  constructor(environment: LiveEnvironment, listener: LiveListener) {
    this.#environment = environment
    this.#listener = listener
  }

  start(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    this.#attempt = 0
    this.#failedOpenings = 0
    this.#setTransport('connecting')
    this.#connect()
  }

  /** Ends everything; subscriptions are kept for the next start. */
  stop(): void {
    this.#isRunning = false
    this.#clearTimers()
    this.#socket?.discard()
    this.#socket = null
    this.#stopFallback()
  }

  /** Joins a session's room; returns what leaves it. The room is left when everybody who joined it has left. */
  subscribe(sessionId: string): () => void {
    const count = this.#subscribers.get(sessionId) ?? 0
    this.#subscribers.set(sessionId, count + 1)
    if (count === 0) {
      this.#socket?.send({ type: 'subscribe', sessionId })
      this.#fallback?.open(sessionId)
    }
    let hasLeft = false
    return () => {
      if (hasLeft) return
      hasLeft = true
      this.#leave(sessionId)
    }
  }

  /** Checks at once that the server is there. For when the page shows again or the network is back. */
  checkNow(): void {
    if (!this.#isRunning) return
    this.#fallback?.requestNow()
    if (this.#socket) this.#socket.probe()
    else this.#connect()
  }

  #leave(sessionId: string): void {
    const count = (this.#subscribers.get(sessionId) ?? 0) - 1
    if (count > 0) {
      this.#subscribers.set(sessionId, count)
      return
    }
    this.#subscribers.delete(sessionId)
    this.#socket?.send({ type: 'unsubscribe', sessionId })
    this.#fallback?.close(sessionId)
  }

  #connect(): void {
    this.#environment.clearTimer(this.#retryTimer)
    this.#socket = new LiveSocket(this.#environment, {
      opened: () => this.#joinRooms(),
      frame: (frame) => this.#receive(frame),
      closed: (code, hasReceived) => this.#socketClosed(code, hasReceived),
    })
  }

  #joinRooms(): void {
    this.#socket?.send({ type: 'subscribe', room: 'active' })
    for (const sessionId of this.#subscribers.keys()) this.#socket?.send({ type: 'subscribe', sessionId })
  }

  #receive(frame: ServerFrame): void {
    if (this.#transport !== 'websocket') this.#connected()
    this.#listener.onMessage()
    if (frame.type === 'progress') this.#listener.onProgress(frame.data)
    if (frame.type === 'active') this.#listener.onActiveSessions(frame.data)
    if (frame.type === 'event') this.#listener.onEvent(frame.sessionId, frame.data)
    if (frame.type === 'error' && frame.code === 'SESSION_NOT_FOUND' && frame.sessionId) {
      this.#listener.onSessionMissing(frame.sessionId)
    }
  }

  /** The first frame shows that the socket works: it takes over from the fallback, whose confirmations end with it. */
  #connected(): void {
    this.#failedOpenings = 0
    if (this.#fallback) this.#listener.onDropped()
    this.#stopFallback()
    this.#healthTimer = this.#environment.setTimer(() => (this.#attempt = 0), healthyMilliseconds)
    this.#setTransport('websocket')
  }

  #socketClosed(code: number, hasReceived: boolean): void {
    this.#socket = null
    this.#clearTimers()
    if (hasReceived) this.#listener.onDropped()
    if (code === closeCodes.notSignedIn || code === closeCodes.notAllowed) {
      this.#refused(code)
      return
    }
    if (hasReceived) this.#setTransport('connecting')
    else this.#failedOpenings += 1
    if (this.#failedOpenings >= failedOpeningsBeforeFallback && !this.#fallback) this.#startFallback()
    this.#retryLater()
  }

  #refused(code: number): void {
    this.stop()
    this.#setTransport('stopped')
    if (code === closeCodes.notSignedIn) this.#listener.onSignedOut()
  }

  #retryLater(): void {
    const delay = this.#fallback ? socketRetryMilliseconds : backOffDelay(this.#attempt, this.#environment.random())
    this.#attempt += 1
    this.#retryTimer = this.#environment.setTimer(() => this.#connect(), delay)
  }

  #startFallback(): void {
    const fallback = new Fallback(this.#environment, this.#listener, {
      changed: () => {
        if (this.#fallback === fallback) this.#setTransport(fallback.transport)
      },
      // The server answered nothing when the WebSocket failed, so that failure said nothing about WebSockets.
      serverIsBack: () => {
        if (this.#fallback === fallback && !this.#socket) this.#connect()
      },
    })
    this.#fallback = fallback
    for (const sessionId of this.#subscribers.keys()) fallback.open(sessionId)
  }

  #stopFallback(): void {
    this.#fallback?.stop()
    this.#fallback = null
  }

  #clearTimers(): void {
    this.#environment.clearTimer(this.#retryTimer)
    this.#environment.clearTimer(this.#healthTimer)
  }

  #setTransport(transport: Transport): void {
    if (this.#transport === transport) return
    this.#transport = transport
    this.#listener.onTransport(transport)
  }
}
