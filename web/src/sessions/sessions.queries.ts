import type { ItemFilter, ItemsQuery, SessionsQuery } from '@rollcall/shared'
import { mailReasons, type MailReason } from '@rollcall/shared/reasons'
import { defineQueryOptions } from '@pinia/colada'
import { call } from '../api/http.ts'

/** Every page of the list of sessions begins with this key. */
export const sessionsListKey = ['sessions', 'list']

/** One page of sessions, newest first. */
export const sessionsPageQuery = defineQueryOptions((query: SessionsQuery) => ({
  key: [...sessionsListKey, { ...query }],
  query: ({ signal }) => call('GET /crm/activation/sessions', { query }, { signal }),
}))

/** One session with its options, its selection and its events. */
export const sessionQuery = defineQueryOptions((sessionId: string) => ({
  key: ['sessions', 'detail', sessionId],
  query: ({ signal }) => call('GET /crm/activation/sessions/:sessionId', { parameters: { sessionId } }, { signal }),
}))

/** Every page of a session's items begins with this key. */
export function itemsListKey(sessionId: string): string[] {
  return ['sessions', 'items', sessionId]
}

/** One page of a session's items. */
export const itemsPageQuery = defineQueryOptions(({ sessionId, query }: { sessionId: string; query: ItemsQuery }) => ({
  key: [...itemsListKey(sessionId), { ...query }],
  query: ({ signal }) =>
    call('GET /crm/activation/sessions/:sessionId/items', { parameters: { sessionId }, query }, { signal }),
}))

/** How many items of a session a filter means, exactly. */
export const itemsCountQuery = defineQueryOptions(
  ({ sessionId, filter }: { sessionId: string; filter: ItemFilter }) => ({
    key: ['sessions', 'items-count', sessionId, { ...filter }],
    query: ({ signal }) =>
      call(
        'GET /crm/activation/sessions/:sessionId/items/count',
        { parameters: { sessionId }, query: filter },
        { signal },
      ),
  }),
)

/** How many mails of a session failed for each reason, the most first. */
export const failedReasonsQuery = defineQueryOptions((sessionId: string) => ({
  key: ['sessions', 'failed-reasons', sessionId],
  query: async ({ signal }) => {
    const counted = await Promise.all(mailReasonCodes.map((reason) => countFailed(sessionId, reason, signal)))
    return counted.filter(({ count }) => count > 0).toSorted((a, b) => b.count - a.count)
  },
}))

const mailReasonCodes = Object.keys(mailReasons) as MailReason[]

async function countFailed(sessionId: string, reason: MailReason, signal: AbortSignal) {
  const query = { mail: 'failed' as const, reason, limit: 1 }
  const { total } = await call(
    'GET /crm/activation/sessions/:sessionId/items',
    { parameters: { sessionId }, query },
    { signal },
  )
  return { reason, count: total }
}
