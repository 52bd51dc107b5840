import { sql } from 'drizzle-orm'
import { check, customType, index, integer, pgTable, text, timestamp, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import type { AccountStatus } from '@rollcall/shared'
import { leads } from '../leads/leads.table.ts'

const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' })

/** The account that an activation creates for a lead. The unique address ensures that there is at most one, even when a job runs twice. */
export const accounts = pgTable(
  'accounts',
  {
    id: uuid().primaryKey(),
    leadId: uuid()
      .notNull()
      .references(() => leads.id),
    /** A copy of the lead's time of creation, which never changes. Lists of leads by status are read in this order. */
    leadCreatedAt: timestamp({ withTimezone: true, precision: 3 }).notNull(),
    email: text().notNull(),
    emailKey: text().notNull(),
    status: text().$type<AccountStatus>().notNull().default('invited'),
    /** The link is derived from the account and this number, so a mail that is sent again has the same link. */
    generation: integer().notNull().default(1),
    /** The SHA-256 digest of the link's token. The token itself is stored nowhere. */
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
