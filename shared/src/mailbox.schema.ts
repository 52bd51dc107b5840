import { Type, type Static } from 'typebox'
import { Cursor, Limit, listOf, SearchText, strict, Timestamp } from './basics.schema.ts'

export const MailboxMessage = strict({
  id: Type.String(),
  to: Type.String(),
  subject: Type.String(),
  receivedAt: Timestamp,
})
export type MailboxMessage = Static<typeof MailboxMessage>

/** A mail in the built-in mailbox. `html` is as it was sent, so it may be shown only in a sandboxed frame. */
export const MailboxMessageDetail = strict({
  id: Type.String(),
  to: Type.String(),
  from: Type.String(),
  subject: Type.String(),
  receivedAt: Timestamp,
  messageId: Type.String(),
  html: Type.String(),
  text: Type.String(),
})
export type MailboxMessageDetail = Static<typeof MailboxMessageDetail>

export const MailboxQuery = strict({
  q: Type.Optional(SearchText),
  limit: Type.Optional(Limit),
  cursor: Type.Optional(Cursor),
})
export type MailboxQuery = Static<typeof MailboxQuery>
export const MailboxList = listOf(MailboxMessage)
