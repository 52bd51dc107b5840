import type { ItemFilter, ItemsQuery, SessionsQuery } from '@rollcall/shared'
import { useQuery } from '@pinia/colada'
import { call } from '../api/http.ts'

export function useSessionsList(query: () => SessionsQuery) {
  return useQuery({
    key: () => ['sessions', 'list', { ...query() }],
    query: ({ signal }) => call('GET /crm/activation/sessions', { query: query() }, { signal }),
    placeholderData: (before) => before,
  })
}

export function useSessionDetail(sessionId: () => string) {
  return useQuery({
    key: () => ['sessions', 'detail', sessionId()],
    query: ({ signal }) =>
      call('GET /crm/activation/sessions/:sessionId', { parameters: { sessionId: sessionId() } }, { signal }),
  })
}

export function useSessionItems(sessionId: () => string, query: () => ItemsQuery) {
  return useQuery({
    key: () => ['sessions', 'items', sessionId(), { ...query() }],
    query: ({ signal }) =>
      call(
        'GET /crm/activation/sessions/:sessionId/items',
        { parameters: { sessionId: sessionId() }, query: query() },
        { signal },
      ),
    placeholderData: (before) => before,
  })
}

/** How many items a filter means, exactly; asked only where the list could not say so in time. */
export function useItemsCount(sessionId: () => string, filter: () => ItemFilter, isWanted: () => boolean) {
  return useQuery({
    key: () => ['sessions', 'items-count', sessionId(), { ...filter() }],
    query: ({ signal }) =>
      call(
        'GET /crm/activation/sessions/:sessionId/items/count',
        { parameters: { sessionId: sessionId() }, query: filter() },
        { signal },
      ),
    enabled: isWanted,
  })
}
