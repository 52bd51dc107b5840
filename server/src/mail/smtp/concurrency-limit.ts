import type { Logger } from 'pino'

/** One more connection is tried so long after the server asked for fewer. */
const millisecondsUntilOneMore = 60_000
/** Fewer connections at most this often, for servers that throttle all of them in the same moment. */
const millisecondsBetweenFewer = 1000
const shortestPause = 50
const longestPause = 5000

/** What a mail gets that waited for a slot: `taken` one of its own, `stopped` none any more, or that of the mail before it. */
export type Place<Inherited> = 'taken' | 'stopped' | Inherited

interface Waiting<Request, Inherited> {
  request: Request
  settle: (place: Place<Inherited>) => void
}

/** How many mails may be on their way at once, first come first served. */
export function createSlots<Request, Inherited>(most: number, now: () => number, logger: Logger) {
  const waiting: Waiting<Request, Inherited>[] = []
  let limit = most
  let used = 0
  let changedAt = now()
  let fewerAt = Number.NEGATIVE_INFINITY
  const whenUnused: (() => void)[] = []

  function set(next: number): void {
    if (next === limit) return
    logger.info({ connections: next, before: limit }, 'connections to the mail server at most')
    limit = next
    changedAt = now()
  }

  function grant(): void {
    while (used < limit && waiting.length > 0) {
      used += 1
      waiting.shift()?.settle('taken')
    }
  }

  return {
    get limit() {
      return limit
    },
    get used() {
      return used
    },
    take(request: Request): Promise<Place<Inherited>> {
      if (limit < most && now() - changedAt >= millisecondsUntilOneMore) set(limit + 1)
      return new Promise((settle) => {
        waiting.push({ request, settle })
        grant()
      })
    },
    /** The mail that waits longest, or null. */
    longestWaiting(): Waiting<Request, Inherited> | null {
      return waiting[0] ?? null
    },
    /** It waits no more: it is to have the slot of another mail, with which it is settled later. */
    inherits(one: Waiting<Request, Inherited>): void {
      waiting.splice(waiting.indexOf(one), 1)
    },
    release(): void {
      used -= 1
      grant()
      if (used === 0) for (const tell of whenUnused.splice(0)) tell()
    },
    /** Resolves when none is used. */
    unused(): Promise<void> {
      return new Promise((resolve) => {
        if (used === 0) resolve()
        else whenUnused.push(resolve)
      })
    },
    /** `proven`: so many connections stand although the server wants no more; null where it said nothing about their number. */
    fewer(proven: number | null): void {
      changedAt = now()
      if (proven === null && now() - fewerAt < millisecondsBetweenFewer) return
      fewerAt = now()
      set(Math.max(1, Math.min(limit, proven ?? Math.floor(limit / 2))))
    },
    /** So many stand, so so many there may be. */
    atLeast(proven: number): void {
      if (proven > limit && proven <= most) set(proven)
      grant()
    },
    stop(): void {
      for (const { settle } of waiting.splice(0)) settle('stopped')
    },
  }
}

/** What became of an announcement: `lost` with its connection, `untold` where the mail before it ended that. */
type HowAnnounced = 'worked' | 'failed' | 'lost' | 'untold'

/** A server that an announcement was lost on is not tried again before this. */
const millisecondsWithoutAnnouncing = 10 * 60_000

/**
 * Whether mails are announced together with the one before. The first is tried alone: a server that loses what comes
 * behind a mail, although it says that it does not (RFC 2920 section 3.2), keeps one connection waiting and not all.
 * `now`: milliseconds of a clock that only goes forward.
 */
export function createAnnouncing(now: () => number) {
  let isProven = false
  let isTried = false
  let tryFrom = Number.NEGATIVE_INFINITY

  return {
    isAllowed: () => now() >= tryFrom && (isProven || !isTried),
    begun(): void {
      isTried = true
    },
    over(how: HowAnnounced): void {
      isTried = false
      // A connection ends now and then; a server that ends each to which something is announced has never answered one.
      if (how === 'failed' || (how === 'lost' && !isProven)) {
        isProven = false
        tryFrom = now() + millisecondsWithoutAnnouncing
      } else if (how === 'worked' && now() >= tryFrom) isProven = true
    },
  }
}

/**
 * Keeps a server that is down, or drops every connection, from being called again and again without a breath. `now`:
 * milliseconds of a clock that only goes forward.
 */
export function createPause(now: () => number) {
  const waiting = new Set<() => void>()
  let length = 0
  let until = 0

  /** Resolves at about that time: a timer counts from when the event loop last looked at the clock, so it may be early. */
  function wait(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const go = (): void => {
        clearTimeout(timer)
        waiting.delete(go)
        resolve()
      }
      const timer = setTimeout(go, milliseconds)
      waiting.add(go)
    })
  }

  return {
    /** Only one failure a pause counts: ten connections that are lost together are one loss. */
    longer(): void {
      if (now() < until) return
      length = Math.min(longestPause, Math.max(shortestPause, length * 2))
      until = now() + length
    },
    end(): void {
      length = 0
      until = 0
      for (const go of waiting) go()
    },
    /** Resolves when there is no pause any more, and never before: what fails within a pause would not count. */
    async over(): Promise<void> {
      for (let left = until - now(); left > 0; left = until - now()) await wait(left)
    },
  }
}
