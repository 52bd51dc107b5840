/** Pairs of an age in tenths of a millisecond and the number of things that had this age. */
export type Ages = readonly (readonly [age: number, count: number])[]

/** Returns the age in milliseconds that this share (0 to 1) of the things did not exceed. */
export function ageOf(ages: Ages, share: number): number {
  const all = ages.reduce((sum, [, count]) => sum + count, 0)
  let seen = 0
  for (const [age, count] of ages.toSorted(([a], [b]) => a - b)) {
    seen += count
    if (seen >= share * all) return age / 10
  }
  return NaN
}
