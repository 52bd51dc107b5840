import type { MailboxQuery } from '@rollcall/shared'
import { defineQueryOptions } from '@pinia/colada'
import { call } from '../api/http.ts'

/** One page of the mails in the built-in mailbox, newest first. */
export const messagesPageQuery = defineQueryOptions((query: MailboxQuery) => ({
  key: ['mailbox', 'list', { ...query }],
  query: ({ signal }) => call('GET /mailbox/messages', { query }, { signal }),
}))

/** One mail with its text and its HTML. */
export const messageQuery = defineQueryOptions((id: string) => ({
  key: ['mailbox', 'message', id],
  query: ({ signal }) => call('GET /mailbox/messages/:id', { parameters: { id } }, { signal }),
}))
