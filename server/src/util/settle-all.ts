/**
 * Waits for all of them, then throws the first failure: what fails leaves nothing under way behind it, neither a mail nor a
 * statement on a connection that is given back.
 */
export async function together<const Work extends readonly unknown[]>(
  work: Work,
): Promise<{ -readonly [Each in keyof Work]: Awaited<Work[Each]> }> {
  await Promise.allSettled(work)
  return Promise.all(work)
}
