import { sql } from 'drizzle-orm'
import type { AccountStatus } from '@rollcall/shared'
import { rowsOf, type Queryable } from '../db/database.ts'

export interface AccountRow {
  [column: string]: unknown
  id: string
  lead_id: string
  email: string
  status: AccountStatus
  generation: number
  token_expires_at: string
  created_at: string
  activated_at: string | null
}

/** Extends the links of invited accounts to `expiresAt` where they would expire before `endingBefore`. Locks the accounts in the order of their ids. */
export async function extendLinks(
  database: Queryable,
  accountIds: string[],
  expiresAt: Date,
  endingBefore: Date,
): Promise<void> {
  await database.execute(sql`WITH ending AS (
      SELECT id FROM accounts WHERE id = ANY(${sql.param(accountIds)}::uuid[]) AND status = 'invited'
        AND token_expires_at < ${endingBefore.toISOString()}::timestamptz ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE accounts SET token_expires_at = ${expiresAt.toISOString()}::timestamptz FROM ending WHERE accounts.id = ending.id`)
}

/** Returns the account that has the address of a lead, or null. */
export async function accountByLead(database: Queryable, leadId: string): Promise<AccountRow | null> {
  const rows = await rowsOf<AccountRow>(
    database,
    sql`SELECT account.* FROM accounts account JOIN leads ON leads.email_key = account.email_key WHERE leads.id = ${leadId}::uuid`,
  )
  return rows[0] ?? null
}

/** Returns the account whose token has this digest, with the first name of its person, or null. */
export async function accountByDigest(
  database: Queryable,
  digest: string,
): Promise<(AccountRow & { first_name: string }) | null> {
  const rows = await rowsOf<AccountRow & { first_name: string }>(
    database,
    sql`SELECT account.*, leads.first_name FROM accounts account JOIN leads ON leads.id = account.lead_id
      WHERE account.token_digest = decode(${digest}, 'hex')`,
  )
  return rows[0] ?? null
}

/** Sets the password of an invited account. False when the account already has one. */
export async function activateAccount(
  database: Queryable,
  options: { accountId: string; passwordHash: string; now: Date },
): Promise<boolean> {
  const now = sql`${options.now.toISOString()}::timestamptz`
  const rows = await rowsOf(
    database,
    sql`WITH activated AS (
      UPDATE accounts SET status = 'active', password_hash = ${options.passwordHash}, activated_at = ${now}
      WHERE id = ${options.accountId}::uuid AND status = 'invited' RETURNING lead_id
    ), shown AS (
      UPDATE leads SET status = 'active', updated_at = ${now} FROM activated WHERE leads.id = activated.lead_id
    )
    SELECT 1 FROM activated`,
  )
  return rows.length === 1
}
