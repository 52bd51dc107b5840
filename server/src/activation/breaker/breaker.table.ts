import { integer, pgTable, text, timestamp } from 'drizzle-orm/pg-core'
import type { HoldReason } from '@rollcall/shared'

/**
 * The breakers that are not closed: mail servers that no session may try for now. They are stored, so that every node knows
 * of them and one node at a time probes.
 */
export const mailServerBreakers = pgTable('mail_server_holds', {
  /** Host and port, or the built-in mailbox. */
  server: text().primaryKey(),
  reason: text().$type<HoldReason>().notNull(),
  /** What the mail server said, or what went wrong. */
  heard: text(),
  heldAt: timestamp({ withTimezone: true }).notNull(),
  nextProbeAt: timestamp({ withTimezone: true }).notNull(),
  probeSeconds: integer().notNull(),
})
