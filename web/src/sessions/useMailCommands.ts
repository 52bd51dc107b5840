import type { RetryRequest } from '@rollcall/shared'
import { useMutation } from '@pinia/colada'
import { computed } from 'vue'
import { call } from '../api/http.ts'
import { useTrackerStore } from '../app/tracker.store.ts'
import { useNotices } from '../ui/useNotices.ts'
import { words } from '../words/index.ts'

/** Sending mails of a session again, and marking unconfirmed ones as sent. A failure is shown as a notice. */
export function useMailCommands(sessionId: () => string) {
  const tracker = useTrackerStore()
  const notices = useNotices()

  const retry = useMutation({
    mutation: (body: RetryRequest) =>
      call('POST /crm/activation/sessions/:sessionId/retry', { parameters: { sessionId: sessionId() }, body }),
    onSuccess: (progress) => tracker.apply(progress),
    onError: (error) => notices.failed(words.session.retry.notRetried, error),
  })
  const markAsSent = useMutation({
    mutation: () =>
      call('POST /crm/activation/sessions/:sessionId/settle', {
        parameters: { sessionId: sessionId() },
        body: { mail: 'unconfirmed', as: 'sent' },
      }),
    onSuccess: (progress) => tracker.apply(progress),
    onError: (error) => notices.failed(words.session.retry.notMarked, error),
  })

  /** What is under way: a retry by its reason or else its mail state, `sent` for marking; null when nothing is. */
  const busy = computed(() => {
    if (markAsSent.isLoading.value) return 'sent'
    const { reason, mail } = retry.variables.value ?? {}
    return retry.isLoading.value ? (reason ?? mail ?? null) : null
  })
  return { busy, retry: retry.mutate, markAsSent: () => markAsSent.mutate() }
}
