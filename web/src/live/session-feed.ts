import type { Progress, SessionEvent } from '@rollcall/shared'
import { aboutMilliseconds, backOffDelay } from './back-off.ts'
import { livePaths, type LiveEnvironment, type LiveListener } from './environment.ts'

export const firstMessageMilliseconds = 2_500
export const pollMilliseconds = 2_000
const quietStreamMilliseconds = 28_000
const failuresBeforePolling = 2

export interface PollAnswer {
  status: number
  body: unknown
  etag: string | null
}

/** What a feed uses and reports to. */
export interface FeedHost {
  readonly environment: LiveEnvironment
  readonly listener: LiveListener
  /** Makes a GET request; null when the server did not answer it with 200, 304 or 404. */
  request(path: string, headers: Record<string, string>): Promise<PollAnswer | null>
  /** A stream brought a progress, so the server is there. */
  serverAnswered(): void
  /** Server-sent events do not come through here, so other feeds need not try them. */
  streamsFail(): void
  /** The mode or state of the feed may have changed. */
  changed(): void
  sessionMissing(sessionId: string): void
}

/** One session's progress without a WebSocket: server-sent events, and polling once those fail. */
export class SessionFeed {
  readonly #sessionId: string
  readonly #host: FeedHost
  #mode: 'stream' | 'polling' | 'closed' = 'stream'
  #stream: EventSource | null = null
  #failures = 0
  #timer: unknown
  #etag: string | null = null
  #isWorking = false

  constructor(sessionId: string, host: FeedHost) {
    this.#sessionId = sessionId
    this.#host = host
  }

  get mode(): 'stream' | 'polling' | 'closed' {
    return this.#mode
  }

  /** True from the first message until a failure. */
  get isWorking(): boolean {
    return this.#isWorking
  }

  openStream(): void {
    if (this.#mode !== 'stream') return
    const stream = this.#host.environment.openEventSource(livePaths.stream(this.#sessionId))
    this.#stream = stream
    stream.addEventListener('progress', ({ data }) => this.#receive(JSON.parse(data) as Progress))
    stream.addEventListener('session-event', ({ data }) => {
      const message = JSON.parse(data) as { sessionId: string; data: SessionEvent }
      this.#host.listener.onEvent(message.sessionId, message.data)
    })
    stream.addEventListener('error', () => this.#streamFailed())
    this.#after(firstMessageMilliseconds, () => this.startPolling())
  }

  /** Polls from now on, beginning at once. */
  startPolling(): void {
    if (this.#mode === 'closed') return
    if (this.#stream !== null || this.#failures > 0) this.#host.streamsFail()
    this.#closeStream()
    this.#mode = 'polling'
    this.#host.environment.clearTimer(this.#timer)
    this.#host.changed()
    void this.#poll()
  }

  close(): void {
    this.#mode = 'closed'
    this.#host.environment.clearTimer(this.#timer)
    this.#closeStream()
  }

  #receive(progress: Progress): void {
    this.#failures = 0
    this.#isWorking = true
    this.#after(quietStreamMilliseconds, () => this.#reopenStream())
    this.#host.listener.onProgress(progress)
    this.#host.serverAnswered()
  }

  /** Opens a quiet stream anew, because its first message shows that the server is there; its comments are not reported. */
  #reopenStream(): void {
    this.#closeStream()
    this.openStream()
  }

  #streamFailed(): void {
    this.#closeStream()
    this.#failures += 1
    if (this.#isWorking) this.#host.listener.onDropped(this.#sessionId)
    this.#isWorking = false
    if (this.#failures >= failuresBeforePolling) {
      this.startPolling()
      return
    }
    this.#after(backOffDelay(0, this.#host.environment.random()), () => this.openStream())
    this.#host.changed()
  }

  async #poll(): Promise<void> {
    const headers: Record<string, string> = this.#etag ? { 'if-none-match': this.#etag } : {}
    const answer = await this.#host.request(livePaths.progress(this.#sessionId), headers)
    if (this.#mode === 'closed') return
    if (answer?.status === 404) {
      this.#host.sessionMissing(this.#sessionId)
      return
    }
    this.#isWorking = answer !== null
    if (answer === null) this.#host.listener.onDropped(this.#sessionId)
    else this.#pollAnswered(answer)
    const delay = aboutMilliseconds(pollMilliseconds, this.#host.environment.random())
    this.#after(delay, () => void this.#poll())
    this.#host.changed()
  }

  #pollAnswered({ status, body, etag }: PollAnswer): void {
    if (status === 304) {
      this.#host.listener.onMessage(this.#sessionId)
      return
    }
    this.#etag = etag
    this.#host.listener.onProgress((body as { data: Progress }).data)
  }

  #closeStream(): void {
    this.#stream?.close()
    this.#stream = null
  }

  #after(milliseconds: number, run: () => void): void {
    this.#host.environment.clearTimer(this.#timer)
    this.#timer = this.#host.environment.setTimer(run, milliseconds)
  }
}
