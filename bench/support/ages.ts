/** How many things had an age of so many tenths of a millisecond, as pairs. */
export type Ages = readonly (readonly [age: number, count: number])[]

/** The milliseconds that this share (0 to 1) of the things were not older than. */
export function ageOf(ages: Ages, share: number): number {
  const all = ages.reduce((sum, [, count]) => sum + count, 0)
  let seen = 0
  for (const [age, count] of ages.toSorted(([a], [b]) => a - b)) {
    seen += count
    if (seen >= share * all) return age / 10
  }
  return NaN
}
