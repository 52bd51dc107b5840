import { integer, pgTable, text, timestamp } from 'drizzle-orm/pg-core'

/** Sessions that were removed and of which items are left. */
export const removals = pgTable('removals', {
  sessionId: text().primaryKey(),
  removedAt: timestamp({ withTimezone: true }).notNull(),
  /** Items at this position and below it are still there. */
  lastPosition: integer().notNull(),
})
