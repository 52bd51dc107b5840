import { sql } from 'drizzle-orm'
import { bigint, customType, index, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core'

const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' })

/** The mails that the built-in mailbox has accepted, which reached nobody. `arrival` identifies one arrival, so that a mail is stored once, however often it is tried. */
export const mailboxMessages = pgTable(
  'mailbox_messages',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    arrival: uuid('arrival').notNull().unique(),
    receivedAt: timestamp('received_at', { withTimezone: true, precision: 3 }).notNull().defaultNow(),
    recipient: text('recipient').notNull(),
    sender: text('sender').notNull(),
    subject: text('subject').notNull(),
    messageId: text('message_id').notNull(),
    raw: bytea('raw').notNull(),
    searchText: text('search_text')
      .notNull()
      .generatedAlwaysAs(sql`lower(recipient || ' ' || subject)`),
  },
  (table) => [index('mailbox_messages_search').using('gin', sql`${table.searchText} gin_trgm_ops`)],
)
