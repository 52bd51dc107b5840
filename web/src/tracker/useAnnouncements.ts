import { ref, watch } from 'vue'
import { announcement } from '../words/tracker.ts'
import { useTracker } from './tracker.ts'

/** The sentence for a polite live region: it changes with a session's status, not with every number. */
export function useAnnouncements() {
  const tracker = useTracker()
  const announced = ref('')
  const known = new Map<string, string>()

  watch(
    () => tracker.tracked.value.map(({ sessionId, status }) => `${sessionId} ${status}`).join('\n'),
    () => {
      for (const progress of tracker.tracked.value) {
        if (known.get(progress.sessionId) === progress.status) continue
        known.set(progress.sessionId, progress.status)
        announced.value = announcement(progress)
      }
    },
    { immediate: true },
  )
  return announced
}
