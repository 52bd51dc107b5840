import { pgTable, text, timestamp } from 'drizzle-orm/pg-core'

/**
 * One row for each lane that mails are paced in: the whole mail server, and each recipient domain with a rate of its own.
 * `free_at` is when the lane may take the next mail: the theoretical arrival time of the generic cell rate algorithm
 * (ITU-T I.371).
 */
export const mailLanes = pgTable('mail_lanes', {
  lane: text().primaryKey(),
  freeAt: timestamp({ withTimezone: true }).notNull(),
})
