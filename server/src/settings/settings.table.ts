import { jsonb, pgTable, text, timestamp } from 'drizzle-orm/pg-core'

/** The settings that a superadmin has changed. A setting without a row has its default. */
export const settings = pgTable('settings', {
  name: text().primaryKey(),
  /** The value in the form of the contract. JSON's null is a value like any other ("never", "no limit"). */
  value: jsonb().notNull(),
  updatedAt: timestamp({ withTimezone: true }).notNull(),
  updatedById: text().notNull(),
  updatedByName: text().notNull(),
})
