import { useQueryCache } from '@pinia/colada'
import { useThrottleFn } from '@vueuse/core'
import { computed, watch } from 'vue'
import { useProgressStore } from '../activation/progress.store.ts'
import { useSessionDetail } from './history.queries.ts'

const refreshEveryMilliseconds = 2_000

/** One session's page: followed live, and its events and items asked again while its version grows. */
export function useSession(sessionId: () => string) {
  const store = useProgressStore()
  const cache = useQueryCache()
  const { data: detail, error, isLoading, refetch } = useSessionDetail(sessionId)
  const progress = computed(() => store.sessions.get(sessionId())?.progress ?? null)

  const refreshItems = useThrottleFn(
    () => {
      if (document.visibilityState !== 'visible') return
      void cache.invalidateQueries({ key: ['sessions', 'items', sessionId()] })
    },
    refreshEveryMilliseconds,
    true,
  )
  const refreshDetail = useThrottleFn(() => void refetch(), refreshEveryMilliseconds, true)

  watch(sessionId, (id, _before, onCleanup) => onCleanup(store.follow(id, () => void refreshDetail())), {
    immediate: true,
  })
  watch(
    () => progress.value?.version,
    (version, before) => {
      if (version !== undefined && before !== undefined) void refreshItems()
    },
  )
  watch(
    () => progress.value?.status,
    (status, before) => {
      if (status !== undefined && before !== undefined) void refreshDetail()
    },
  )
  watch(detail, (answer) => answer && store.apply(answer.progress, 'answer'))

  return { detail, error, isLoading, refetch, progress }
}
