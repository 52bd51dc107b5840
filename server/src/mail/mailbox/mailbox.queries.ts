import { sql, type SQL } from 'drizzle-orm'
import type { MailboxMessage } from '@rollcall/shared'
import { rowsOf, type Queryable } from '../../db/database.ts'
import { pageAfter, type Position } from '../../db/keyset-paging.ts'

/** A mail as it arrived. */
export interface ArrivedMail {
  arrival: string
  recipient: string
  sender: string
  subject: string
  messageId: string
  raw: Buffer
}

export interface StoredMail {
  id: string
  recipient: string
  sender: string
  subject: string
  messageId: string
  receivedAt: string
  raw: Buffer
}

const receivedAt = sql`to_char(received_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "receivedAt"`

/** Stores mails with one statement; a mail that is stored already stays as it is. */
export async function storeMails(database: Queryable, mails: readonly ArrivedMail[]): Promise<void> {
  const column = (value: (mail: ArrivedMail) => string | Buffer): SQL => sql`${sql.param(mails.map(value))}`
  await database.execute(sql`
    INSERT INTO mailbox_messages (arrival, recipient, sender, subject, message_id, raw)
    SELECT * FROM unnest(
      ${column((mail) => mail.arrival)}::uuid[], ${column((mail) => mail.recipient)}::text[],
      ${column((mail) => mail.sender)}::text[], ${column((mail) => mail.subject)}::text[],
      ${column((mail) => mail.messageId)}::text[], ${column((mail) => mail.raw)}::bytea[])
    ON CONFLICT (arrival) DO NOTHING`)
}

/** Reads up to `limit` + 1 mails whose recipient or subject has every word, the newest first, which is the order of their numbers. */
export async function newestMails(
  database: Queryable,
  options: { words: string[]; limit: number; after: Position | null },
): Promise<MailboxMessage[]> {
  return rowsOf<MailboxMessage & Record<string, unknown>>(
    database,
    sql`SELECT id::text AS id, recipient AS "to", subject, ${receivedAt}
        FROM mailbox_messages
        WHERE ${hasWords(options.words)} AND ${pageAfter({ id: 'integer' }, 'DESC', options.after)}
        ORDER BY mailbox_messages.id DESC LIMIT ${options.limit + 1}`,
  )
}

export async function countMails(database: Queryable, words: string[]): Promise<number> {
  const rows = await rowsOf<{ total: number }>(
    database,
    sql`SELECT count(*)::int AS total FROM mailbox_messages WHERE ${hasWords(words)}`,
  )
  return rows[0]?.total ?? 0
}

export async function mailById(database: Queryable, id: string): Promise<StoredMail | null> {
  const rows = await rowsOf<StoredMail & Record<string, unknown>>(
    database,
    sql`SELECT id::text AS id, recipient, sender, subject, message_id AS "messageId", raw, ${receivedAt}
        FROM mailbox_messages WHERE id = ${id}::bigint`,
  )
  return rows[0] ?? null
}

function hasWords(words: string[]): SQL {
  const each = words.map((word) => sql`search_text LIKE lower(${`%${word.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`})`)
  return each.length === 0 ? sql`true` : sql.join(each, sql` AND `)
}
