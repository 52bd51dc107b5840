import { pgTable, text, timestamp } from 'drizzle-orm/pg-core'

/**
 * One row a bucket of the rate limiter: the whole mail server, and each recipient domain that has a rate of its own. `free_at`
 * is the time at which the bucket can take the next mail: the theoretical arrival time of the generic cell rate algorithm
 * (ITU-T I.371). In the database a bucket is called a lane.
 */
export const rateLimitBuckets = pgTable('mail_lanes', {
  bucket: text('lane').primaryKey(),
  freeAt: timestamp({ withTimezone: true }).notNull(),
})
