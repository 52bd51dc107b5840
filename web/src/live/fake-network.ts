import type { LiveEnvironment, LiveListener, PollResponse, Transport } from './environment.ts'

/** A WebSocket that does what a test says. */
export class FakeSocket extends EventTarget {
  readonly sent: unknown[] = []
  closed = false

  send(text: string): void {
    this.sent.push(JSON.parse(text))
  }
  close(): void {
    this.closed = true
  }
  open(): void {
    this.dispatchEvent(new Event('open'))
  }
  message(data: unknown): void {
    this.dispatchEvent(new MessageEvent('message', { data }))
  }
  frame(frame: unknown): void {
    this.message(JSON.stringify(frame))
  }
  end(code: number): void {
    this.dispatchEvent(new CloseEvent('close', { code }))
  }
}

/** An EventSource that does what a test says; like a browser's, it reports nothing once it is closed. */
export class FakeEventSource extends EventTarget {
  readonly path: string
  closed = false

  constructor(path: string) {
    super()
    this.path = path
  }
  close(): void {
    this.closed = true
  }
  message(type: 'progress' | 'session-event', data: unknown): void {
    if (!this.closed) this.dispatchEvent(new MessageEvent(type, { data: JSON.stringify(data) }))
  }
  fail(): void {
    if (!this.closed) this.dispatchEvent(new Event('error'))
  }
}

interface Timer {
  at: number
  run: () => void
}

type Answer = { status: number; data?: unknown; etag?: string }

/** A network in which time stands still until a test moves it. */
export class FakeNetwork {
  readonly sockets: FakeSocket[] = []
  readonly streams: FakeEventSource[] = []
  readonly requests: { path: string; headers: Record<string, string> }[] = []
  readonly timers = new Set<Timer>()
  now = 0
  random = 0.5
  /** Answers a request; throwing is a network that is down. */
  answer: (path: string, headers: Record<string, string>) => Answer = () => {
    throw new Error('down')
  }

  get socket(): FakeSocket {
    return this.sockets.at(-1)!
  }
  get stream(): FakeEventSource {
    return this.streams.at(-1)!
  }

  readonly environment: LiveEnvironment = {
    openSocket: () => {
      this.sockets.push(new FakeSocket())
      return this.socket as unknown as WebSocket
    },
    openEventSource: (path) => {
      this.streams.push(new FakeEventSource(path))
      return this.stream as unknown as EventSource
    },
    fetch: async (path, headers): Promise<PollResponse> => {
      this.requests.push({ path, headers })
      const { status, data, etag } = this.answer(path, headers)
      return { status, headers: { get: () => etag ?? null }, json: async () => ({ success: true, data }) }
    },
    random: () => this.random,
    setTimer: (run, milliseconds) => {
      const timer = { at: this.now + milliseconds, run }
      this.timers.add(timer)
      return timer
    },
    clearTimer: (timer) => void this.timers.delete(timer as Timer),
  }

  /** The newest socket opens and receives the list of active sessions. */
  async socketOpens(): Promise<void> {
    this.socket.open()
    this.socket.frame({ type: 'active', data: [] })
    await this.runPromises()
  }

  /** Lets every promise that can go on go on. */
  async runPromises(): Promise<void> {
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
  }

  /** Moves the clock and runs what is due, in its order. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.now + milliseconds
    for (;;) {
      await this.runPromises()
      const due = [...this.timers].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)[0]
      if (!due) break
      this.now = due.at
      this.timers.delete(due)
      due.run()
    }
    this.now = end
    await this.runPromises()
  }
}

/** A listener that writes down what it is notified of, one line each. */
export class RecordingListener implements LiveListener {
  readonly lines: string[] = []
  readonly transports: Transport[] = []

  onProgress: LiveListener['onProgress'] = ({ sessionId, version }) => this.#add(`progress ${sessionId} ${version}`)
  onActiveSessions: LiveListener['onActiveSessions'] = (sessions) => this.#add(`active ${sessions.length}`)
  onEvent: LiveListener['onEvent'] = (sessionId, event) => this.#add(`event ${sessionId} ${event.type}`)
  onMessage: LiveListener['onMessage'] = (sessionId) => sessionId && this.#add(`message ${sessionId}`)
  onDropped: LiveListener['onDropped'] = (sessionId) => this.#add(`dropped ${sessionId ?? 'all'}`)
  onTransport: LiveListener['onTransport'] = (transport) => void this.transports.push(transport)
  onSessionMissing: LiveListener['onSessionMissing'] = (sessionId) => this.#add(`missing ${sessionId}`)
  onSignedOut: LiveListener['onSignedOut'] = () => this.#add('signed out')

  #add(line: string): void {
    this.lines.push(line)
  }
}
