const longestMilliseconds = 20_000
const firstMilliseconds = 1_000

/**
 * Returns how long to wait before the next attempt, in milliseconds; `random` is 0 ≤ x < 1. The first attempt comes
 * within a second at random, so that a server that restarts is not met by everybody at once. Then the wait doubles up to
 * 20 s, half of it fixed and half random.
 */
export function backOffDelay(attempt: number, random: number): number {
  if (attempt === 0) return random * firstMilliseconds
  const ceiling = Math.min(longestMilliseconds, firstMilliseconds * 2 ** attempt)
  return ceiling / 2 + (ceiling / 2) * random
}

/** Returns the wait, ± 20 % at random, so that the requests of many browsers spread. `random` is 0 ≤ x < 1. */
export function aboutMilliseconds(milliseconds: number, random: number): number {
  return milliseconds * (0.8 + 0.4 * random)
}
