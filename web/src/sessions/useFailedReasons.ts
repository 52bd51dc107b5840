import { mailReasons, type MailReason } from '@rollcall/shared/reasons'
import { useThrottleFn } from '@vueuse/core'
import { ref, watch } from 'vue'
import { call } from '../api/http.ts'
import { useNotices } from '../ui/useNotices.ts'

const countEveryMilliseconds = 2_000

/** How many mails of a session failed for each reason, the most first; counted anew when `failed` changes, not at all at 0. */
export function useFailedReasons(sessionId: () => string, failed: () => number) {
  const notices = useNotices()
  const reasons = ref<{ reason: MailReason; count: number }[]>([])

  async function countOne(reason: MailReason) {
    const parameters = { sessionId: sessionId() }
    const query = { mail: 'failed' as const, reason, limit: 1 }
    const { total } = await call('GET /crm/activation/sessions/:sessionId/items', { parameters, query })
    return { reason, count: total }
  }

  async function count(): Promise<void> {
    try {
      const counted = await Promise.all((Object.keys(mailReasons) as MailReason[]).map(countOne))
      reasons.value = counted.filter((each) => each.count > 0).toSorted((a, b) => b.count - a.count)
    } catch (error) {
      notices.failed('The reasons could not be counted', error)
    }
  }
  const countAgain = useThrottleFn(count, countEveryMilliseconds, true)
  watch([failed, sessionId], ([now]) => now > 0 && void countAgain())

  return { reasons }
}
