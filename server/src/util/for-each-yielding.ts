/** A frame to a socket costs about 10 µs, so a turn of the event loop some milliseconds. */
const itemsAtOnce = 500

/** Does something with each of many, and gives the event loop a turn in between. */
export async function forEachYielding<Item>(items: Iterable<Item>, serve: (item: Item) => void): Promise<void> {
  let served = 0
  for (const item of items) {
    serve(item)
    served += 1
    if (served % itemsAtOnce === 0) await new Promise((resolve) => setImmediate(resolve))
  }
}
