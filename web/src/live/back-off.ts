const longestMilliseconds = 20_000
const firstMilliseconds = 1_000

/**
 * How long to wait before the next attempt, in milliseconds. The first comes within a second at random, so that a
 * restart is not met by everybody at once; then the wait doubles up to 20 s, half of it fixed and half random.
 */
export function backoffDelay(attempt: number, random: number): number {
  if (attempt === 0) return random * firstMilliseconds
  const ceiling = Math.min(longestMilliseconds, firstMilliseconds * 2 ** attempt)
  return ceiling / 2 + (ceiling / 2) * random
}
