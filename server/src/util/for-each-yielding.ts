/** One call to send a frame costs about 10 µs, so so many calls block the event loop for about 5 ms. */
const callsBetweenYields = 500

/**
 * Calls `visit` for every item, and lets the event loop serve others after every 500 calls, so that a loop over thousands
 * of connections delays nobody else. A `visit` that throws ends the loop.
 */
export async function forEachYielding<Item>(items: Iterable<Item>, visit: (item: Item) => void): Promise<void> {
  let calls = 0
  for (const item of items) {
    visit(item)
    calls += 1
    if (calls % callsBetweenYields === 0) await new Promise((resolve) => setImmediate(resolve))
  }
}
