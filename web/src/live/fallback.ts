import type { List, Progress, SessionEvent } from '@rollcall/shared'
import { backoffDelay } from './back-off.ts'
import { livePaths, type AnswerLike, type EventsLike, type LiveListener, type LivePorts } from './environment.ts'

export const firstMessageMilliseconds = 2_500
export const pollMilliseconds = 2_000
export const activeMilliseconds = 5_000
const streamQuietMilliseconds = 28_000
const failuresBeforePolling = 2
/** A browser opens six connections to a host over HTTP/1.1; the streams must leave some for everything else. */
export const streamsAtMost = 3

interface Channel {
  mode: 'stream' | 'poll'
  stream: EventsLike | null
  failures: number
  timer: unknown
  etag: string | null
  /** True after something arrived, until it fails. */
  working: boolean
}

interface FallbackHooks {
  /** The state of the channels may have changed. */
  changed(): void
  /** The server answers again after it had not: what failed before may work now. */
  serverIsBack(): void
}

/** Progress without a WebSocket: server-sent events for each room, polling where those fail too. */
export class Fallback {
  readonly #ports: LivePorts
  readonly #listener: LiveListener
  readonly #hooks: FallbackHooks
  readonly #channels = new Map<string, Channel>()
  #streamsWork = true
  #stopped = false
  #activeTimer: unknown
  #failedAnswers = 0
  #answered = false

  constructor(ports: LivePorts, listener: LiveListener, hooks: FallbackHooks) {
    this.#ports = ports
    this.#listener = listener
    this.#hooks = hooks
    void this.#pollActive()
  }

  get transport(): 'connecting' | 'events' | 'polling' {
    if (this.#failedAnswers > 0 || !this.#answered) return 'connecting'
    const channels = [...this.#channels.values()]
    if (channels.some((channel) => channel.mode === 'poll') || channels.length === 0) return 'polling'
    return channels.some((channel) => channel.working) ? 'events' : 'connecting'
  }

  open(sessionId: string): void {
    if (this.#stopped || this.#channels.has(sessionId)) return
    const channel: Channel = { mode: 'stream', stream: null, failures: 0, timer: null, etag: null, working: false }
    this.#channels.set(sessionId, channel)
    const streams = [...this.#channels.values()].filter((other) => other.mode === 'stream').length
    if (this.#streamsWork && streams <= streamsAtMost) this.#openStream(sessionId, channel)
    else this.#startPolling(sessionId, channel)
  }

  close(sessionId: string): void {
    const channel = this.#channels.get(sessionId)
    if (!channel) return
    this.#channels.delete(sessionId)
    this.#ports.clearTimer(channel.timer)
    channel.stream?.close()
  }

  stop(): void {
    this.#stopped = true
    this.#ports.clearTimer(this.#activeTimer)
    for (const sessionId of this.#channels.keys()) this.close(sessionId)
  }

  /** Asks everything once more now. */
  lookAgain(): void {
    this.#ports.clearTimer(this.#activeTimer)
    void this.#pollActive()
    for (const [sessionId, channel] of this.#channels) {
      if (channel.mode === 'poll') this.#startPolling(sessionId, channel)
    }
  }

  #isCurrent(sessionId: string, channel: Channel): boolean {
    return !this.#stopped && this.#channels.get(sessionId) === channel
  }

  #openStream(sessionId: string, channel: Channel): void {
    if (!this.#isCurrent(sessionId, channel)) return
    const isCurrent = () => this.#isCurrent(sessionId, channel) && channel.stream === stream
    const stream = this.#ports.openEvents(livePaths.stream(sessionId), {
      progress: (data) => {
        if (isCurrent()) this.#streamBrought(sessionId, channel, JSON.parse(data) as Progress)
      },
      sessionEvent: (data) => {
        const told = JSON.parse(data) as { sessionId: string; data: SessionEvent }
        if (isCurrent()) this.#listener.event(told.sessionId, told.data)
      },
      error: () => {
        if (isCurrent()) this.#streamFailed(sessionId, channel)
      },
    })
    channel.stream = stream
    this.#expectWithin(channel, firstMessageMilliseconds, () => this.#startPolling(sessionId, channel))
  }

  #expectWithin(channel: Channel, milliseconds: number, missed: () => void): void {
    this.#ports.clearTimer(channel.timer)
    channel.timer = this.#ports.setTimer(missed, milliseconds)
  }

  #streamBrought(sessionId: string, channel: Channel, progress: Progress): void {
    channel.failures = 0
    channel.working = true
    this.#expectWithin(channel, streamQuietMilliseconds, () => this.#reopenStream(sessionId, channel))
    this.#listener.progress(progress)
    this.#succeeded()
  }

  /** Comments keep a stream open and cannot be heard here, so a quiet one is asked again: it answers at once. */
  #reopenStream(sessionId: string, channel: Channel): void {
    channel.stream?.close()
    this.#openStream(sessionId, channel)
  }

  #streamFailed(sessionId: string, channel: Channel): void {
    channel.stream?.close()
    channel.stream = null
    channel.failures += 1
    if (channel.working) this.#listener.lost(sessionId)
    channel.working = false
    if (channel.failures >= failuresBeforePolling) {
      this.#startPolling(sessionId, channel)
      return
    }
    const delay = backoffDelay(0, this.#ports.random())
    this.#expectWithin(channel, delay, () => this.#openStream(sessionId, channel))
    this.#hooks.changed()
  }

  #startPolling(sessionId: string, channel: Channel): void {
    channel.stream?.close()
    if (channel.stream !== null || channel.failures > 0) this.#streamsWork = false
    channel.stream = null
    channel.mode = 'poll'
    this.#ports.clearTimer(channel.timer)
    this.#hooks.changed()
    void this.#poll(sessionId, channel)
  }

  async #poll(sessionId: string, channel: Channel): Promise<void> {
    const headers: Record<string, string> = channel.etag ? { 'if-none-match': channel.etag } : {}
    const answer = await this.#ask(livePaths.progress(sessionId), headers)
    if (!this.#isCurrent(sessionId, channel)) return
    if (answer?.status === 404) {
      this.close(sessionId)
      this.#listener.unknown(sessionId)
      return
    }
    if (answer?.status === 304) this.#listener.heard(sessionId)
    if (answer?.status === 200) {
      const { data } = answer.body as { data: Progress }
      channel.etag = answer.etag
      this.#listener.progress(data)
    }
    channel.working = answer !== null
    if (!channel.working) this.#listener.lost(sessionId)
    this.#expectWithin(channel, this.#pause(pollMilliseconds), () => void this.#poll(sessionId, channel))
    this.#hooks.changed()
  }

  async #pollActive(): Promise<void> {
    const answer = await this.#ask(livePaths.active, {})
    if (this.#stopped) return
    if (answer?.status === 200) this.#listener.active((answer.body as { data: List<Progress> }).data.items)
    this.#ports.clearTimer(this.#activeTimer)
    this.#activeTimer = this.#ports.setTimer(() => void this.#pollActive(), this.#pause(activeMilliseconds))
    this.#hooks.changed()
  }

  #pause(milliseconds: number): number {
    return milliseconds * (0.8 + 0.4 * this.#ports.random())
  }

  /** The answer, or null where there was none that helps. */
  async #ask(
    path: string,
    headers: Record<string, string>,
  ): Promise<{ status: number; body: unknown; etag: string | null } | null> {
    let answer: AnswerLike
    let body: unknown = null
    try {
      answer = await this.#ports.fetch(path, headers)
      if (answer.status === 200) body = await answer.json()
    } catch {
      this.#failed()
      return null
    }
    if (this.#stopped) return null
    if (answer.status === 401) {
      this.#listener.signedOut()
      return null
    }
    if (![200, 304, 404].includes(answer.status)) {
      this.#failed()
      return null
    }
    this.#succeeded()
    return { status: answer.status, body, etag: answer.headers.get('etag') }
  }

  #failed(): void {
    this.#failedAnswers += 1
  }

  #succeeded(): void {
    const wasAway = this.#failedAnswers > 0
    this.#failedAnswers = 0
    this.#answered = true
    this.#hooks.changed()
    if (wasAway) this.#hooks.serverIsBack()
  }
}
