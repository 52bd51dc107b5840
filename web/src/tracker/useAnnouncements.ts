import { ref, watch } from 'vue'
import { useProgressStore } from './tracker.ts'
import { announcement } from '../words/tracker.ts'

/** The sentence for a polite live region: it changes with a session's status, not with every number. */
export function useAnnouncements() {
  const store = useProgressStore()
  const announced = ref('')
  const known = new Map<string, string>()

  watch(
    () => store.tracked.map(({ sessionId, progress }) => `${sessionId} ${progress.status}`).join('\n'),
    () => {
      for (const { sessionId, progress } of store.tracked) {
        if (known.get(sessionId) === progress.status) continue
        known.set(sessionId, progress.status)
        announced.value = announcement(progress)
      }
    },
    { immediate: true },
  )
  return announced
}
