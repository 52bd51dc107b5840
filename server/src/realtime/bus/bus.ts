import type { FastifyBaseLogger } from 'fastify'

/** What a node hears: sessions with a newer version; `urgent` when a status changed. */
type OnNotification = (sessionIds: string[], urgent: boolean) => void

/** The doorbell between nodes: tells that there is something new, never what. Losing a ring costs seconds, never truth. */
export interface Bus {
  publish(sessionIds: readonly string[], urgent: boolean): void
  close(): Promise<void>
}

export interface BusOptions {
  logger: FastifyBaseLogger
  onNotification: OnNotification
  /** Called at least every 5 s, and whenever rings may have been missed: then the rooms are to be read again. */
  onMissed: () => void
  timings?: Partial<BusTimings>
}

/** In milliseconds. */
export interface BusTimings {
  /** Between two looks at the database without a ring, while the line is open. */
  backstop: number
  /** The same while it is not: then nothing else tells what other nodes do. */
  backstopWithoutLine: number
  /** Between two checks of a line, which dies silently. */
  check: number
  /** The longest that a line may take to answer. */
  answer: number
  /** Before a lost line is opened again after it could not be; twice as long each time, up to `longestRetry`. */
  retry: number
  longestRetry: number
}

const usualTimings: BusTimings = {
  backstop: 5000,
  backstopWithoutLine: 1000,
  check: 5000,
  answer: 5000,
  retry: 250,
  longestRetry: 2000,
}

/** An open way to the other nodes. */
export interface Line {
  /** Resolves once the message is on its way. */
  send(message: string): Promise<void>
  /** Resolves when whatever is at the other end has answered. */
  check(): Promise<void>
  close(): Promise<void>
}

/** Opens a line that hears; `onLost` may be called any number of times, also before it resolves. Rejects within some seconds. */
export type OpenLine = (onMessage: (message: string) => void, onLost: (error: unknown) => void) => Promise<Line>

const ringEvery = 50
/** Below the 8,000 bytes that PostgreSQL takes in one notification. */
const idsAtOnce = 100

/**
 * The doorbell over a line, which is opened, asked for an answer every 5 s, and opened again when it is lost, for as long
 * as the bus is not closed. Rings of 50 ms go out together; those that cannot be sent wait for the next line. Whatever
 * the line loses, `onMissed` mends; `carrier` names it in the log, once for each loss.
 */
export function openBus(carrier: string, openLine: OpenLine, options: BusOptions): Bus {
  const { logger, onNotification, onMissed } = options
  const timings = { ...usualTimings, ...options.timings }
  let line: Line | null = null
  let closed = false
  let failures = 0
  let waiting = new Map<string, boolean>()
  let ringTimer: NodeJS.Timeout | undefined
  let tendTimer: NodeJS.Timeout | undefined
  let backstopTimer: NodeJS.Timeout | undefined
  let tending: Promise<void> | null = null

  function hear(message: string): void {
    const [urgent, ...sessionIds] = message.split(' ')
    if (!closed) onNotification(sessionIds, urgent === '!')
  }

  async function open(): Promise<void> {
    let opened: Line | undefined
    let early: unknown
    opened = await openLine(hear, (error) => {
      if (opened === undefined) early ??= error
      else lost(opened, error)
    })
    if (early !== undefined) {
      await opened.close()
      throw early
    }
    line = opened
    if (failures > 0) logger.info(`the bus between nodes over ${carrier} is open`)
    failures = 0
    if (waiting.size > 0) ringSoon()
    lookAgain()
  }

  function lost(which: Line, error: unknown): void {
    if (line !== which) return
    line = null
    void which.close()
    if (closed) return
    failed(error)
    lookAgain()
    tendAfter(0)
  }

  function failed(error: unknown): void {
    failures += 1
    if (failures === 1)
      logger.warn(
        { err: error },
        `the bus between nodes over ${carrier} is away; until it is back, the database is asked`,
      )
  }

  function tendAfter(milliseconds: number): void {
    clearTimeout(tendTimer)
    if (closed) return
    tendTimer = setTimeout(() => {
      tending ??= tend().finally(() => {
        tending = null
        tendAfter(line === null ? retryDelay() : timings.check)
      })
    }, milliseconds)
  }

  async function tend(): Promise<void> {
    const checked = line
    try {
      if (checked === null) await open()
      else await inTime(checked.check())
    } catch (error) {
      if (checked === null) failed(error)
      else lost(checked, error)
    }
  }

  function retryDelay(): number {
    const longest = Math.min(timings.longestRetry, timings.retry * 2 ** Math.min(failures - 1, 20))
    // Nodes that lost the same line do not all come back in the same moment.
    return longest * (0.5 + 0.5 * Math.random())
  }

  /** Whatever the line lost, the rooms are right again after this; it waits for no answer of the line. */
  function lookAgain(): void {
    clearTimeout(backstopTimer)
    if (closed) return
    onMissed()
    backstopTimer = setTimeout(lookAgain, line === null ? timings.backstopWithoutLine : timings.backstop)
  }

  async function inTime(answer: Promise<void>): Promise<void> {
    const late = Promise.withResolvers<void>()
    const timer = setTimeout(() => late.reject(new Error(`${carrier} did not answer in time`)), timings.answer)
    try {
      await Promise.race([answer, late.promise])
    } finally {
      clearTimeout(timer)
    }
  }

  function ringSoon(): void {
    ringTimer ??= setTimeout(() => {
      ringTimer = undefined
      void ringNow()
    }, ringEvery)
  }

  async function ringNow(): Promise<void> {
    const over = line
    if (over === null) return
    const rung = waiting
    waiting = new Map()
    try {
      for (const message of messagesOf(rung)) await inTime(over.send(message))
    } catch (error) {
      keep(rung)
      lost(over, error)
    }
  }

  function keep(rings: Iterable<[string, boolean]>): void {
    for (const [sessionId, urgent] of rings) waiting.set(sessionId, urgent || waiting.get(sessionId) === true)
  }

  backstopTimer = setTimeout(lookAgain, timings.backstopWithoutLine)
  tendAfter(0)
  return {
    publish(sessionIds, urgent) {
      keep(sessionIds.map((sessionId) => [sessionId, urgent]))
      ringSoon()
    },
    async close() {
      closed = true
      for (const timer of [tendTimer, backstopTimer, ringTimer]) clearTimeout(timer)
      await tending
      if (waiting.size > 0) await ringNow()
      await line?.close()
      line = null
    },
  }
}

/** The urgent ones first. */
function messagesOf(rings: Map<string, boolean>): string[] {
  return [true, false].flatMap((urgent) => {
    const sessionIds = [...rings].filter(([, each]) => each === urgent).map(([sessionId]) => sessionId)
    const messages: string[] = []
    for (let start = 0; start < sessionIds.length; start += idsAtOnce)
      messages.push([urgent ? '!' : '.', ...sessionIds.slice(start, start + idsAtOnce)].join(' '))
    return messages
  })
}
