import type { AnswerLike, EventsHears, LiveListener, LivePorts, SocketHears, Transport } from './environment.ts'

/** A WebSocket that does what a test says. */
export class FakeSocket {
  readonly sent: unknown[] = []
  readonly hears: SocketHears
  closed = false

  constructor(hears: SocketHears) {
    this.hears = hears
  }
  send(text: string): void {
    this.sent.push(JSON.parse(text))
  }
  close(): void {
    this.closed = true
  }
  open(): void {
    this.hears.open()
  }
  frame(frame: unknown): void {
    this.hears.message(JSON.stringify(frame))
  }
  end(code: number): void {
    this.hears.close(code)
  }
}

/** An EventSource that does what a test says. */
export class FakeStream {
  readonly path: string
  readonly hears: EventsHears
  closed = false

  constructor(path: string, hears: EventsHears) {
    this.path = path
    this.hears = hears
  }
  close(): void {
    this.closed = true
  }
}

interface Timer {
  at: number
  run: () => void
}

/** A world for the live connection in which time stands still until a test moves it. */
export class FakeWorld {
  readonly sockets: FakeSocket[] = []
  readonly streams: FakeStream[] = []
  readonly asked: { path: string; headers: Record<string, string> }[] = []
  readonly heardBy: string[] = []
  readonly transports: Transport[] = []
  readonly timers = new Set<Timer>()
  now = 0
  random = 0.5
  /** Answers a request; throwing is a network that is down. */
  answer: (path: string, headers: Record<string, string>) => { status: number; data?: unknown; etag?: string } = () => {
    throw new Error('down')
  }

  get socket(): FakeSocket {
    return this.sockets.at(-1)!
  }
  get stream(): FakeStream {
    return this.streams.at(-1)!
  }

  readonly ports: LivePorts = {
    openSocket: (hears) => {
      this.sockets.push(new FakeSocket(hears))
      return this.socket
    },
    openEvents: (path, hears) => {
      this.streams.push(new FakeStream(path, hears))
      return this.stream
    },
    fetch: async (path, headers): Promise<AnswerLike> => {
      this.asked.push({ path, headers })
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

  readonly listener: LiveListener = {
    progress: (progress) => this.heardBy.push(`progress ${progress.sessionId} ${progress.version}`),
    active: (sessions) => this.heardBy.push(`active ${sessions.length}`),
    event: (sessionId, event) => this.heardBy.push(`event ${sessionId} ${event.type}`),
    heard: (sessionId) => {
      if (sessionId) this.heardBy.push(`heard ${sessionId}`)
    },
    lost: (sessionId) => this.heardBy.push(`lost ${sessionId ?? 'all'}`),
    transport: (transport) => this.transports.push(transport),
    unknown: (sessionId) => this.heardBy.push(`unknown ${sessionId}`),
    signedOut: () => this.heardBy.push('signed out'),
  }

  /** The newest socket opens and is told the list of active sessions. */
  async socketOpens(): Promise<void> {
    this.socket.open()
    this.socket.frame({ type: 'active', data: [] })
    await this.settle()
  }

  /** Lets every promise that can go on go on. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
  }

  /** Moves the clock, running what is due in its order. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.now + milliseconds
    for (;;) {
      await this.settle()
      const due = [...this.timers].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)[0]
      if (!due) break
      this.now = due.at
      this.timers.delete(due)
      due.run()
    }
    this.now = end
    await this.settle()
  }
}
