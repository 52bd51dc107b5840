const shortestWait = 50
const longestWait = 5000

/** Keeps a server that is down, or drops every connection, from being called again and again without a break. */
export interface Backoff {
  /** Doubles the wait after a failure. Several failures within one wait count once: ten connections lost together are one loss. */
  failed(): void
  /** Ends every wait, because the server has accepted a mail. */
  reset(): void
  /** Resolves once no wait is under way, and never before: a failure within a wait would not be counted. */
  wait(): Promise<void>
}

/** Creates a back-off of 50 ms to 5 s. `now` gives milliseconds of a clock that only goes forward. */
export function createBackoff(now: () => number): Backoff {
  const waiting = new Set<() => void>()
  let length = 0
  let until = 0

  /** Resolves after about that time: a timer counts from when the event loop last looked at the clock, so it can be early. */
  function sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer)
        waiting.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, milliseconds)
      waiting.add(wake)
    })
  }

  return {
    failed() {
      if (now() < until) return
      length = Math.min(longestWait, Math.max(shortestWait, length * 2))
      until = now() + length
    },
    reset() {
      length = 0
      until = 0
      for (const wake of waiting) wake()
    },
    async wait() {
      for (let left = until - now(); left > 0; left = until - now()) await sleep(left)
    },
  }
}
