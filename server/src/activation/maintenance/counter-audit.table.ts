import { sql } from 'drizzle-orm'
import { pgTable, text, timestamp } from 'drizzle-orm/pg-core'

/** The last check of each kind, by any node. Today there is one: `counters`. */
export const checks = pgTable('checks', {
  name: text().primaryKey(),
  /** When it began: what changed before is checked. */
  checkedAt: timestamp({ withTimezone: true }).notNull(),
  /** The sessions that disagreed; they are looked at again by every check until they agree. */
  disagreeing: text()
    .array()
    .notNull()
    .default(sql`'{}'`),
})
