import { useQueryCache, type EntryKey, type UseQueryEntry } from '@pinia/colada'

/**
 * Asks again what is on the screen and begins with this key. A request that is under way is waited for, not cut off,
 * so that a slow answer cannot be starved by quick changes. Failures show where the query shows them.
 */
export function useRefresh() {
  const cache = useQueryCache()
  const waiting = new WeakSet<UseQueryEntry>()

  async function ask(entry: UseQueryEntry): Promise<void> {
    if (waiting.has(entry)) return
    waiting.add(entry)
    await entry.pending?.refreshCall.catch(() => {})
    waiting.delete(entry)
    if (entry.active) await cache.fetch(entry).catch(() => {})
  }

  return (key: EntryKey): void => {
    for (const entry of cache.getEntries({ key })) {
      if (entry.active) void ask(entry)
      else cache.invalidate(entry)
    }
  }
}
