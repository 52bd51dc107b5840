import { sql } from 'drizzle-orm'
import { pgTable, text, timestamp } from 'drizzle-orm/pg-core'

/** The last audit of each kind, by any node. There is one kind: `counters`. */
export const audits = pgTable('checks', {
  name: text().primaryKey(),
  /** When the audit began: it covers what changed before. */
  checkedAt: timestamp({ withTimezone: true }).notNull(),
  /** The sessions that disagreed with their items; every audit covers them again until they agree. */
  disagreeing: text()
    .array()
    .notNull()
    .default(sql`'{}'`),
})
