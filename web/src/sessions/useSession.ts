import { useQuery } from '@pinia/colada'
import { computed, ref, watch } from 'vue'
import { useOptionsStore } from '../tracker/options.ts'
import { useProgressStore } from '../tracker/tracker.ts'
import { useRefreshOn } from '../ui/useRefresh.ts'
import { sessionQuery } from './sessions.queries.ts'

/** One session's page: its progress is followed live, and its events are asked again when there are new ones. */
export function useSession(sessionId: () => string) {
  const store = useProgressStore()
  const options = useOptionsStore()
  const query = useQuery(() => sessionQuery(sessionId()))
  const progress = computed(() => store.sessions.get(sessionId())?.progress ?? null)
  const eventsSeen = ref(0)

  watch(sessionId, (id, _before, onCleanup) => onCleanup(store.follow(id, () => eventsSeen.value++)), {
    immediate: true,
  })
  useRefreshOn(
    () => (progress.value && `${progress.value.status} ${eventsSeen.value}`) || undefined,
    () => sessionQuery(sessionId()).key,
  )
  watch(query.data, (answer) => {
    if (!answer) return
    options.learn(answer.progress.sessionId, answer.options)
    store.apply(answer.progress, 'answer')
  })

  return { query, progress }
}
