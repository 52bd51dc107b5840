import { expect } from 'vitest'

/** A timer may fire this many milliseconds too early. */
export const earlyMilliseconds = 5

/** Expects that since a time each mail has come no earlier than the rate allows, however late others were. */
export function expectNeverAhead(times: number[], since: number, perSecond: number): void {
  const ahead = times.map((at, before) => before - (perSecond * (at - since + earlyMilliseconds)) / 1000)
  expect(Math.max(...ahead)).toBeLessThanOrEqual(0)
}
