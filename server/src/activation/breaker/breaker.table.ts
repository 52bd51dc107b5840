import { integer, pgTable, text, timestamp } from 'drizzle-orm/pg-core'
import type { HoldReason } from '@rollcall/shared'

/** Mail servers that are not to be tried for now: stored, so that every node knows and few try. */
export const mailServerHolds = pgTable('mail_server_holds', {
  /** Host and port, or the built-in mailbox. */
  server: text().primaryKey(),
  reason: text().$type<HoldReason>().notNull(),
  /** What the mail server said, or what went wrong. */
  heard: text(),
  heldAt: timestamp({ withTimezone: true }).notNull(),
  nextProbeAt: timestamp({ withTimezone: true }).notNull(),
  probeSeconds: integer().notNull(),
})
