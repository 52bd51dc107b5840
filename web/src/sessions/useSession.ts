import { useQuery } from '@pinia/colada'
import { computed, ref, watch } from 'vue'
import { useTrackerStore } from '../app/tracker.store.ts'
import { useRefreshOn } from '../ui/useRefresh.ts'
import { sessionQuery } from './sessions.queries.ts'

/** One session's page: its progress is followed live, and its events are asked again when there are new ones. */
export function useSession(sessionId: () => string) {
  const tracker = useTrackerStore()
  const query = useQuery(() => sessionQuery(sessionId()))
  const progress = computed(() => tracker.progressOf(sessionId()) ?? null)
  const eventsSeen = ref(0)

  watch(sessionId, (id, _before, onCleanup) => onCleanup(tracker.follow(id, () => eventsSeen.value++)), {
    immediate: true,
  })
  useRefreshOn(
    () => (progress.value && `${progress.value.status} ${eventsSeen.value}`) || undefined,
    () => sessionQuery(sessionId()).key,
  )
  watch(query.data, (answer) => {
    if (!answer) return
    tracker.learnOptions(answer.progress.sessionId, answer.options)
    tracker.apply(answer.progress)
  })

  return { query, progress }
}
