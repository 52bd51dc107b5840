import type { MailboxQuery } from '@rollcall/shared'
import { useQuery } from '@pinia/colada'
import { call } from '../api/http.ts'

export function useMessages(query: () => MailboxQuery) {
  return useQuery({
    key: () => ['mailbox', 'list', { ...query() }],
    query: ({ signal }) => call('GET /mailbox/messages', { query: query() }, { signal }),
    placeholderData: (before) => before,
  })
}

export function useMessage(id: () => string) {
  return useQuery({
    key: () => ['mailbox', 'message', id()],
    query: ({ signal }) => call('GET /mailbox/messages/:id', { parameters: { id: id() } }, { signal }),
  })
}
