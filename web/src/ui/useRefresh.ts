import { useQueryCache, type EntryKey, type UseQueryEntry } from '@pinia/colada'
import { useDocumentVisibility, useThrottleFn } from '@vueuse/core'
import { watch } from 'vue'

const refreshEveryMilliseconds = 2_000

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

/**
 * Asks again what begins with this key when `source` has changed: at most every two seconds, and in a hidden tab not before
 * it is seen again. Nothing has changed while `source` is undefined.
 */
export function useRefreshOn(source: () => string | number | undefined, key: () => EntryKey): void {
  const refresh = useRefresh()
  const visibility = useDocumentVisibility()
  const refreshSoon = useThrottleFn(() => refresh(key()), refreshEveryMilliseconds, true)
  let seen: string | number | undefined
  watch(
    () => (visibility.value === 'visible' ? source() : undefined),
    (now) => {
      if (now === undefined) return
      if (seen !== undefined && now !== seen) void refreshSoon()
      seen = now
    },
    { immediate: true },
  )
}
