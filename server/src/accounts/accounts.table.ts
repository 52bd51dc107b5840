import { sql } from 'drizzle-orm'
import { check, customType, index, integer, pgTable, text, timestamp, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import type { AccountStatus } from '@rollcall/shared'
import { leads } from '../leads/leads.table.ts'

const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' })

/** What activation creates for a lead. The unique address is what makes an account exist at most once, whatever runs twice. */
export const accounts = pgTable(
  'accounts',
  {
    id: uuid().primaryKey(),
    leadId: uuid()
      .notNull()
      .references(() => leads.id),
    /** That of the lead, which never changes: lists of leads by status are read in this order. */
    leadCreatedAt: timestamp({ withTimezone: true, precision: 3 }).notNull(),
    email: text().notNull(),
    emailKey: text().notNull(),
    status: text().$type<AccountStatus>().notNull().default('invited'),
    /** The same generation gives the same link, so a mail that is sent again is identical. */
    generation: integer().notNull().default(1),
    /** SHA-256 of the link's token; the token itself is stored nowhere. */
    tokenDigest: bytea().notNull(),
    tokenExpiresAt: timestamp({ withTimezone: true }).notNull(),
    passwordHash: text(),
    createdAt: timestamp({ withTimezone: true }).notNull().defaultNow(),
    activatedAt: timestamp({ withTimezone: true }),
  },
  (table) => [
    uniqueIndex('accounts_email_key').on(table.emailKey),
    uniqueIndex('accounts_token_digest').on(table.tokenDigest),
    index('accounts_lead').on(table.leadId),
    index('accounts_status_lead').on(table.status, table.leadCreatedAt, table.leadId),
    check('accounts_status', sql`${table.status} in ('invited', 'active')`),
  ],
)
