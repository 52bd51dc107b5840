import { useThrottleFn } from '@vueuse/core'
import { computed, watch } from 'vue'
import { useOptionsStore } from '../tracker/options.ts'
import { useProgressStore } from '../tracker/tracker.ts'
import { useRefresh } from '../ui/useRefresh.ts'
import { useSessionDetail } from './history.queries.ts'

const refreshEveryMilliseconds = 2_000

/** One session's page: followed live, and its events and items asked again while its version grows. */
export function useSession(sessionId: () => string) {
  const store = useProgressStore()
  const options = useOptionsStore()
  const refreshQueries = useRefresh()
  const { data: detail, error, isLoading, refetch } = useSessionDetail(sessionId)
  const progress = computed(() => store.sessions.get(sessionId())?.progress ?? null)

  const refresh = (part: 'items' | 'detail') => {
    if (document.visibilityState === 'visible') refreshQueries(['sessions', part, sessionId()])
  }
  const refreshItems = useThrottleFn(() => refresh('items'), refreshEveryMilliseconds, true)
  const refreshDetail = useThrottleFn(() => refresh('detail'), refreshEveryMilliseconds, true)

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
  watch(detail, (answer) => {
    if (!answer) return
    options.learn(answer.progress.sessionId, answer.options)
    store.apply(answer.progress, 'answer')
  })

  return { detail, error, isLoading, refetch, progress }
}
