import type { List, Progress } from '@rollcall/shared'
import { aboutMilliseconds } from './back-off.ts'
import { livePaths, type LiveEnvironment, type LiveListener, type PollResponse } from './environment.ts'
import { SessionFeed, type FeedHost, type PollAnswer } from './session-feed.ts'

export const activeMilliseconds = 5_000
/** A browser opens six connections to a host over HTTP/1.1; the streams must leave some for everything else. */
export const streamsAtMost = 3

interface FallbackHooks {
  /** What `transport` says may have changed. */
  changed(): void
  /** The server answers again after it had not. */
  serverIsBack(): void
}

/** Progress without a WebSocket: one feed for each session, and the list of active sessions by polling. */
export class Fallback {
  readonly #environment: LiveEnvironment
  readonly #listener: LiveListener
  readonly #hooks: FallbackHooks
  readonly #feeds = new Map<string, SessionFeed>()
  #server: 'not asked yet' | 'answers' | 'away' = 'not asked yet'
  #streamsWork = true
  #isStopped = false
  #activeTimer: unknown

  constructor(environment: LiveEnvironment, listener: LiveListener, hooks: FallbackHooks) {
    this.#environment = environment
    this.#listener = listener
    this.#hooks = hooks
    void this.#pollActive()
  }

  get transport(): 'connecting' | 'events' | 'polling' {
    if (this.#server !== 'answers') return 'connecting'
    const feeds = [...this.#feeds.values()]
    if (feeds.length === 0 || feeds.some((feed) => feed.mode === 'polling')) return 'polling'
    return feeds.some((feed) => feed.isWorking) ? 'events' : 'connecting'
  }

  open(sessionId: string): void {
    if (this.#isStopped || this.#feeds.has(sessionId)) return
    const streams = [...this.#feeds.values()].filter((feed) => feed.mode === 'stream').length
    const feed = new SessionFeed(sessionId, this.#feedHost())
    this.#feeds.set(sessionId, feed)
    if (this.#streamsWork && streams < streamsAtMost) feed.openStream()
    else feed.startPolling()
  }

  close(sessionId: string): void {
    this.#feeds.get(sessionId)?.close()
    this.#feeds.delete(sessionId)
  }

  stop(): void {
    this.#isStopped = true
    this.#environment.clearTimer(this.#activeTimer)
    for (const sessionId of this.#feeds.keys()) this.close(sessionId)
  }

  /** Repeats every request at once that polling would make later. */
  requestNow(): void {
    this.#environment.clearTimer(this.#activeTimer)
    void this.#pollActive()
    for (const feed of this.#feeds.values()) if (feed.mode === 'polling') feed.startPolling()
  }

  #feedHost(): FeedHost {
    return {
      environment: this.#environment,
      listener: this.#listener,
      request: (path, headers) => this.#request(path, headers),
      serverAnswered: () => this.#serverAnswered(),
      streamsFail: () => (this.#streamsWork = false),
      changed: () => this.#hooks.changed(),
      sessionMissing: (sessionId) => {
        this.close(sessionId)
        this.#listener.onSessionMissing(sessionId)
      },
    }
  }

  async #pollActive(): Promise<void> {
    const answer = await this.#request(livePaths.active, {})
    if (this.#isStopped) return
    if (answer?.status === 200) this.#listener.onActiveSessions((answer.body as { data: List<Progress> }).data.items)
    this.#environment.clearTimer(this.#activeTimer)
    const delay = aboutMilliseconds(activeMilliseconds, this.#environment.random())
    this.#activeTimer = this.#environment.setTimer(() => void this.#pollActive(), delay)
    this.#hooks.changed()
  }

  async #request(path: string, headers: Record<string, string>): Promise<PollAnswer | null> {
    let response: PollResponse
    let body: unknown = null
    try {
      response = await this.#environment.fetch(path, headers)
      if (response.status === 200) body = await response.json()
    } catch {
      this.#server = 'away'
      return null
    }
    if (this.#isStopped) return null
    if (response.status === 401) {
      this.#listener.onSignedOut()
      return null
    }
    if (![200, 304, 404].includes(response.status)) {
      this.#server = 'away'
      return null
    }
    this.#serverAnswered()
    return { status: response.status, body, etag: response.headers.get('etag') }
  }

  #serverAnswered(): void {
    const wasAway = this.#server === 'away'
    this.#server = 'answers'
    this.#hooks.changed()
    if (wasAway) this.#hooks.serverIsBack()
  }
}
