import type { Logger } from 'pino'

/** One more connection is tried so long after the server asked for fewer. */
const millisecondsUntilOneMore = 60_000
/** Fewer connections at most this often, for servers that throttle all of them in the same moment. */
const millisecondsBetweenFewer = 1000
const shortestPause = 50
const longestPause = 5000

/** How many mails may be on their way at once, first come first served. */
export function createSlots(most: number, now: () => number, logger: Logger) {
  const waiting: ((granted: boolean) => void)[] = []
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
      waiting.shift()?.(true)
    }
  }

  return {
    get limit() {
      return limit
    },
    get used() {
      return used
    },
    /** False when the sender was stopped meanwhile. */
    take(): Promise<boolean> {
      if (limit < most && now() - changedAt >= millisecondsUntilOneMore) set(limit + 1)
      return new Promise((resolve) => {
        waiting.push(resolve)
        grant()
      })
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
      for (const refuse of waiting.splice(0)) refuse(false)
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
