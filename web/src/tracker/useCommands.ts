import type { Lever } from '@rollcall/shared/statuses'
import { ref } from 'vue'
import { call } from '../api/http.ts'
import { useNotices } from '../ui/useNotices.ts'
import { useProgressStore } from './tracker.ts'

const failedWords: Record<Lever, string> = {
  pause: 'The session was not paused',
  resume: 'The session was not resumed',
  cancel: 'The session was not cancelled',
}

/** Pausing, resuming and cancelling one session. */
export function useSteering(sessionId: () => string) {
  const progress = useProgressStore()
  const notices = useNotices()
  const busy = ref<Lever | null>(null)

  async function pull(lever: Lever): Promise<void> {
    busy.value = lever
    try {
      const parameters = { sessionId: sessionId(), lever }
      progress.apply(await call('POST /crm/activation/sessions/:sessionId/:lever', { parameters }), 'answer')
    } catch (error) {
      notices.failed(failedWords[lever], error)
    } finally {
      busy.value = null
    }
  }
  return { busy, pull }
}
