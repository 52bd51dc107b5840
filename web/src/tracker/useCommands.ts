import type { SessionCommand } from '@rollcall/shared/statuses'
import { ref } from 'vue'
import { call } from '../api/http.ts'
import { useNotices } from '../ui/useNotices.ts'
import { useProgressStore } from './tracker.ts'

const failedWords: Record<SessionCommand, string> = {
  pause: 'The session was not paused',
  resume: 'The session was not resumed',
  cancel: 'The session was not cancelled',
}

/** Pausing, resuming and cancelling one session. */
export function useSteering(sessionId: () => string) {
  const progress = useProgressStore()
  const notices = useNotices()
  const busy = ref<SessionCommand | null>(null)

  async function pull(command: SessionCommand): Promise<void> {
    busy.value = command
    try {
      const parameters = { sessionId: sessionId(), command }
      progress.apply(await call('POST /crm/activation/sessions/:sessionId/:command', { parameters }), 'answer')
    } catch (error) {
      notices.failed(failedWords[command], error)
    } finally {
      busy.value = null
    }
  }
  return { busy, pull }
}
