import PostalMime, { type Address } from 'postal-mime'
import type { List, MailboxMessage, MailboxMessageDetail, MailboxQuery } from '@rollcall/shared'
import type { Queryable } from '../../db/database.ts'
import { cutPage, positionOf } from '../../db/keyset-paging.ts'
import { DomainError } from '../../errors.ts'
import { countMails, mailById, newestMails } from './mailbox.queries.ts'

/** Returns one page of the built-in mailbox, the newest mail first. Every word of `q` stands in a mail's recipient or subject. */
export async function pageOfMessages(database: Queryable, query: MailboxQuery): Promise<List<MailboxMessage>> {
  const limit = query.limit ?? 100
  const after = positionOf(query.cursor, ['integer'])
  const words = (query.q ?? '')
    .replaceAll('\0', ' ')
    .toWellFormed()
    .split(/\s+/)
    .filter((word) => word !== '')
  const [rows, total] = await Promise.all([newestMails(database, { words, limit, after }), countMails(database, words)])
  const { page, nextCursor } = cutPage(rows, limit, (row) => [Number(row.id)])
  return { items: page, nextCursor, total }
}

/** Returns one mail with its parts as they were sent. Throws MESSAGE_NOT_FOUND where there is none. */
export async function openMessage(database: Queryable, id: string): Promise<MailboxMessageDetail> {
  const mail = /^[0-9]{1,18}$/.test(id) ? await mailById(database, id) : null
  if (mail === null) {
    throw new DomainError('MESSAGE_NOT_FOUND', 'There is no such message in the mailbox; look for it in the list.')
  }
  const parsed = await PostalMime.parse(mail.raw).catch(() => null)
  return {
    id: mail.id,
    to: mail.recipient,
    from: parsed?.from === undefined ? mail.sender : personOf(parsed.from),
    subject: mail.subject,
    receivedAt: mail.receivedAt,
    messageId: mail.messageId,
    html: parsed?.html ?? '',
    // What arrived is shown also where it cannot be parsed as a mail.
    text: parsed === null ? mail.raw.toString('utf8') : (parsed.text ?? ''),
  }
}

function personOf(address: Address): string {
  if (address.address === undefined) return address.name
  return address.name === '' ? address.address : `${address.name} <${address.address}>`
}
