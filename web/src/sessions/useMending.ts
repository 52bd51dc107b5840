import type { Progress, RetryRequest } from '@rollcall/shared'
import { ref } from 'vue'
import { useProgressStore } from '../tracker/tracker.ts'
import { call } from '../api/http.ts'
import { useNotices } from '../ui/useNotices.ts'

/** Sending mails of a session again, and marking them as sent. `busy` names what is under way. */
export function useMending(sessionId: () => string) {
  const store = useProgressStore()
  const notices = useNotices()
  const busy = ref<string | null>(null)

  async function doing(what: string, failedTitle: string, ask: () => Promise<Progress>): Promise<void> {
    busy.value = what
    try {
      store.apply(await ask(), 'answer')
    } catch (error) {
      notices.failed(failedTitle, error)
    } finally {
      busy.value = null
    }
  }

  function retry(mail: RetryRequest['mail'], reason?: string): Promise<void> {
    const parameters = { sessionId: sessionId() }
    const body = reason === undefined ? { mail } : { mail, reason }
    return doing(reason ?? mail, 'Nothing was retried', () =>
      call('POST /crm/activation/sessions/:sessionId/retry', { parameters, body }),
    )
  }

  function markAsSent(): Promise<void> {
    const parameters = { sessionId: sessionId() }
    return doing('sent', 'Nothing was marked as sent', () =>
      call('POST /crm/activation/sessions/:sessionId/settle', {
        parameters,
        body: { mail: 'unconfirmed', as: 'sent' },
      }),
    )
  }

  return { busy, retry, markAsSent }
}
