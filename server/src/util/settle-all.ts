/**
 * Waits until every promise is settled, and only then throws the first failure or gives all results in their order. A
 * caller that goes on after a failure can therefore be sure that none of the others is still under way, for example a
 * mail, or a statement on a connection that is about to be returned to its pool.
 */
export async function settleAll<const Promises extends readonly unknown[]>(
  promises: Promises,
): Promise<{ -readonly [Each in keyof Promises]: Awaited<Promises[Each]> }> {
  await Promise.allSettled(promises)
  return Promise.all(promises)
}
