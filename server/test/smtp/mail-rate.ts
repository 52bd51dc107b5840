import { expect } from 'vitest'

/** A timer may end a moment too early. */
export const earlyMilliseconds = 5

/** From a time on, each mail has come no earlier than the rate allows, whatever made others late. */
export function expectNeverAhead(times: number[], since: number, perSecond: number): void {
  const ahead = times.map((at, before) => before - (perSecond * (at - since + earlyMilliseconds)) / 1000)
  expect(Math.max(...ahead)).toBeLessThanOrEqual(0)
}
