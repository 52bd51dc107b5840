import { jsonb, pgTable, text, timestamp } from 'drizzle-orm/pg-core'

/** What a superadmin has changed; a setting without a row has its default. */
export const settings = pgTable('settings', {
  name: text().primaryKey(),
  /** As in the contract; JSON's null is a value like others ("never", "no limit"). */
  value: jsonb().notNull(),
  updatedAt: timestamp({ withTimezone: true }).notNull(),
  updatedById: text().notNull(),
  updatedByName: text().notNull(),
})
