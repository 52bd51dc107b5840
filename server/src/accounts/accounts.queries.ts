import { sql } from 'drizzle-orm'
import type { AccountStatus } from '@rollcall/shared'
import { rowsOf, type Queryable } from '../db/database.ts'
import { plainArray, prepare, value } from '../db/prepared.ts'

export interface NewAccount {
  id: string
  leadId: string
  /** As hexadecimal digits. */
  tokenDigest: string
}

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

/**
 * Creates the accounts of leads whose address has none yet, in one statement; in the order of the addresses, so that two
 * chunks that share some wait for each other instead of locking each other out. Marks the leads as invited. Gives how
 * many accounts it made.
 */
export async function insertAccounts(
  database: Queryable,
  people: NewAccount[],
  times: { now: Date; expiresAt: Date },
): Promise<number> {
  const [row] = await accountsMade.rows(database, {
    ids: plainArray(people.map((each) => each.id)),
    leadIds: plainArray(people.map((each) => each.leadId)),
    digests: Buffer.from(people.map((each) => each.tokenDigest).join(''), 'hex'),
    now: times.now.toISOString(),
    expiresAt: times.expiresAt.toISOString(),
  })
  return row?.made ?? 0
}

// A lead is looked up behind an OFFSET: so nothing but its id can find it, whatever PostgreSQL thought of the table when it
// made the plan that it keeps. The company is set to what it is: where no column is set that the generated text for searches
// is made of, PostgreSQL (18.4) reads the expression of that column from the catalog for every row again, which takes longer
// than making it. The text is stored uncompressed, so what is made is what stands there, and no index is told.
const accountsMade = prepare<{ made: number }>(
  'make_accounts',
  sql`WITH made AS (
    INSERT INTO accounts (id, lead_id, lead_created_at, email, email_key, token_digest, token_expires_at, created_at)
    SELECT person.id, lead.id, lead.created_at, lead.email, lead.email_key,
      substring(${value('digests')}::bytea FROM (32 * person.ordinal - 31)::int FOR 32),
      ${value('expiresAt')}::timestamptz, ${value('now')}::timestamptz
    FROM unnest(${value('ids')}::uuid[], ${value('leadIds')}::uuid[]) WITH ORDINALITY AS person(id, lead_id, ordinal)
      CROSS JOIN LATERAL (SELECT id, created_at, email, email_key FROM leads WHERE leads.id = person.lead_id OFFSET 0) lead
    ORDER BY lead.email_key
    ON CONFLICT (email_key) DO NOTHING
    RETURNING lead_id
  ), shown AS (
    UPDATE leads SET status = 'invited', updated_at = ${value('now')}::timestamptz, company = leads.company FROM made
    WHERE leads.id = made.lead_id AND leads.status = 'new'
  )
  SELECT count(*)::int AS made FROM made`,
)

/** The accounts of these addresses (as keys). */
export async function accountsByKey(
  database: Queryable,
  keys: string[],
): Promise<{ id: string; email_key: string; status: AccountStatus }[]> {
  return rowsOf(
    database,
    sql`SELECT id, email_key, status FROM accounts WHERE email_key = ANY(${sql.param(keys)}::text[])`,
  )
}

/** Lets the links of invited accounts live until `expiresAt`, where they would end before `endingBefore`. Locks in the order of ids. */
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

/** The account of a lead's address, or null. */
export async function accountByLead(database: Queryable, leadId: string): Promise<AccountRow | null> {
  const rows = await rowsOf<AccountRow>(
    database,
    sql`SELECT account.* FROM accounts account JOIN leads ON leads.email_key = account.email_key WHERE leads.id = ${leadId}::uuid`,
  )
  return rows[0] ?? null
}

/** The account that a token's digest belongs to, and its person's first name. */
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

/** Sets the password of an invited account, once; false when somebody was faster. */
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
