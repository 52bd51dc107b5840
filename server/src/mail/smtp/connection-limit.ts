import type { Logger } from 'pino'

/** After this long without another request for fewer connections, one more is tried. */
const millisecondsUntilOneMore = 60_000
/** The limit falls at most this often, for servers that throttle all connections in the same moment. */
const millisecondsBetweenFewer = 1000

/** How many connections to the mail server may be used at once: falls when the server asks for fewer, and rises again slowly. */
export interface ConnectionLimit {
  readonly current: number
  /** Lets the limit rise by one when the server has not asked for fewer for a minute. */
  raiseWhenDue(): void
  /** The server asks for fewer: `established` is how many it has accepted, or null when it said nothing about their number. */
  lower(established: number | null): void
  /** The server has accepted this many connections, so the limit is at least that. */
  raiseTo(established: number): void
}

/** Creates a limit that begins at `maximum` and never exceeds it. `now` gives milliseconds of a clock that only goes forward. */
export function createConnectionLimit(maximum: number, now: () => number, logger: Logger): ConnectionLimit {
  let current = maximum
  let changedAt = now()
  let loweredAt = Number.NEGATIVE_INFINITY

  function change(next: number): void {
    if (next === current) return
    logger.info({ connections: next, before: current }, 'connections to the mail server at most')
    current = next
    changedAt = now()
  }

  return {
    get current() {
      return current
    },
    raiseWhenDue() {
      if (current < maximum && now() - changedAt >= millisecondsUntilOneMore) change(current + 1)
    },
    lower(established) {
      changedAt = now()
      if (established === null && now() - loweredAt < millisecondsBetweenFewer) return
      loweredAt = now()
      change(Math.max(1, Math.min(current, established ?? Math.floor(current / 2))))
    },
    raiseTo(established) {
      if (established > current && established <= maximum) change(established)
    },
  }
}
