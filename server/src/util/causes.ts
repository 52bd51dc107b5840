/** The errors of a chain: the error itself, then its `cause`, then the cause of that. Ends at what is no Error. */
export function* causesOf(error: unknown): Generator<Error> {
  for (let each = error; each instanceof Error; each = each.cause) yield each
}
