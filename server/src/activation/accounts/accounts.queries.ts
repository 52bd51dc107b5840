import { sql } from 'drizzle-orm'
import type { AccountStatus } from '@rollcall/shared'
import type { Queryable } from '../../db/database.ts'
import { optimizationFence } from '../../db/planner.ts'
import { plainArray, prepare, value } from '../../db/prepared.ts'
import type { ClaimedChunk } from '../chunks/chunks.queries.ts'
import { isOfChunk, isRowOfChunk } from '../chunks/items.queries.ts'
import { advanceParts, deltasOfRecorded, type MovedRow } from '../session/advance.queries.ts'
import { sendable } from '../starting/selection.queries.ts'

/** The ordinal of an item among the accounts that are drafted for its chunk, counted from 1. */
const ordinal = sql`(items.position - ${value('firstPosition')}::int + 1)`

/**
 * Creates the accounts of a chunk's items whose address can be mailed and has none yet, in one statement; in the order of the
 * addresses, so that two chunks that share some wait for each other instead of locking each other out. Marks the leads as
 * invited. There is a draft for each position of the chunk. Returns how many accounts it made.
 */
export async function makeAccounts(
  database: Queryable,
  claimed: ClaimedChunk,
  options: { drafts: { ids: string[]; digests: Buffer }; now: Date; expiresAt: Date },
): Promise<number> {
  const [row] = await accountsMade.rows(database, {
    ...claimed,
    ids: plainArray(options.drafts.ids),
    digests: options.drafts.digests,
    now: options.now.toISOString(),
    expiresAt: options.expiresAt.toISOString(),
  })
  return row?.made ?? 0
}

// The optimization fence makes PostgreSQL look each lead up by its id, whatever the statistics of the table were when it made
// the plan that it keeps. The company is set to the value that it has: where a statement sets no column that the generated
// text for searches is made of, PostgreSQL (18.4) reads the expression of that column from the catalog again for every row,
// which takes longer than making the text. The text is stored uncompressed, so the new one equals the stored one, and
// PostgreSQL changes no index.
const accountsMade = prepare<{ made: number }>(
  'make_accounts',
  sql`WITH made AS (
    INSERT INTO accounts (id, lead_id, lead_created_at, email, email_key, token_digest, token_expires_at, created_at)
    SELECT (${value('ids')}::uuid[])[person.ordinal], leads.id, leads.created_at, leads.email, leads.email_key,
      substring(${value('digests')}::bytea FROM 32 * person.ordinal - 31 FOR 32),
      ${value('expiresAt')}::timestamptz, ${value('now')}::timestamptz
    FROM (SELECT items.lead_id, ${ordinal} AS ordinal FROM items WHERE ${isOfChunk} AND items.account_state = 'pending'
        ORDER BY items.position ${optimizationFence()}) person
      CROSS JOIN LATERAL (SELECT id, created_at, email, email_key FROM leads WHERE leads.id = person.lead_id ${optimizationFence()}) leads
    WHERE ${sendable}
    ORDER BY leads.email_key
    ON CONFLICT (email_key) DO NOTHING
    RETURNING lead_id
  ), shown AS (
    UPDATE leads SET status = 'invited', updated_at = ${value('now')}::timestamptz, company = leads.company FROM made
    WHERE leads.id = made.lead_id AND leads.status = 'new'
  )
  SELECT count(*)::int AS made FROM made`,
)

const counted = advanceParts({
  sessionId: sql`${value('sessionId')}`,
  time: sql`${value('now')}::timestamptz`,
  deltas: deltasOfRecorded({
    accounts_created: sql`account_state = 'created'`,
    accounts_existing: sql`account_state = 'existing'`,
    accounts_failed: sql`account_state = 'failed'`,
    mails_skipped: sql`mail_state = 'skipped'`,
  }),
  change: { transition: 'begin' },
})

/** What becomes of the mail of an item that has an account. */
export interface MailOutcome {
  mailState: 'pending' | 'skipped'
  mailReason: string | null
}

/** Does what `storeAccountOutcomes` does, for a chunk for whose every item an account was made. */
export async function storeAllCreated(
  database: Queryable,
  claimed: ClaimedChunk,
  options: MailOutcome & { ids: string[]; now: Date },
): Promise<MovedRow | null> {
  const { ids, now, ...mail } = options
  const values = { ...claimed, ...mail, ids: plainArray(ids), now: now.toISOString() }
  const [row] = await allCreated.rows(database, values)
  return row ?? null
}

// The statement reads the whole chunk instead of each item by its key, which is half the work.
const allCreated = prepare<MovedRow>(
  'store_all_created',
  sql`WITH recorded AS (
    UPDATE items SET account_state = 'created', account_id = (${value('ids')}::uuid[])[${ordinal}],
      mail_state = ${value('mailState')}, mail_reason = ${value('mailReason')}
    WHERE ${isRowOfChunk} AND items.account_state = 'pending'
    RETURNING items.account_state, items.mail_state
  ),
  ${counted}
  SELECT * FROM moved`,
)

/** An item whose account is not known yet, and the account that its address has; `account_id` is null where it has none. */
interface ItemWithoutAccount {
  position: number
  account_id: string | null
  account_status: AccountStatus | null
}

/** Reads the items of a chunk whose account is still to be stored, with the accounts that other transactions made meanwhile. */
export async function itemsWithoutAccount(database: Queryable, claimed: ClaimedChunk): Promise<ItemWithoutAccount[]> {
  return withoutAccount.rows(database, { ...claimed })
}

const withoutAccount = prepare<ItemWithoutAccount>(
  'items_without_account',
  sql`SELECT items.position, account.id AS account_id, account.status AS account_status
    FROM items JOIN leads ON leads.id = items.lead_id LEFT JOIN accounts account ON account.email_key = leads.email_key
    WHERE ${isOfChunk} AND items.account_state = 'pending' ORDER BY items.position`,
)

export interface AccountOutcome extends MailOutcome {
  position: number
  accountState: 'created' | 'existing' | 'failed'
  accountReason: string | null
  accountId: string | null
}

/**
 * Stores what became of the accounts of a chunk that is claimed and locked, moves the counters by it, and lets the session
 * begin; returns its row, or null where nothing changed.
 */
export async function storeAccountOutcomes(
  database: Queryable,
  options: { sessionId: string; now: Date; outcomes: AccountOutcome[] },
): Promise<MovedRow | null> {
  const { sessionId, now, outcomes } = options
  const [row] = await accountsStored.rows(database, {
    sessionId,
    now: now.toISOString(),
    positions: plainArray(outcomes.map((each) => each.position)),
    accountStates: plainArray(outcomes.map((each) => each.accountState)),
    accountReasons: plainArray(outcomes.map((each) => each.accountReason)),
    accountIds: plainArray(outcomes.map((each) => each.accountId)),
    mailStates: plainArray(outcomes.map((each) => each.mailState)),
    mailReasons: plainArray(outcomes.map((each) => each.mailReason)),
  })
  return row ?? null
}

// The session's id comes from the same subquery as the positions, behind an optimization fence, so PostgreSQL looks the items
// up by position, one by one. Without that, and without statistics, it would read all items of the session for each position.
const accountsStored = prepare<MovedRow>(
  'store_account_outcomes',
  sql`WITH recorded AS (
    UPDATE items SET account_state = outcome.account_state, account_reason = outcome.account_reason, account_id = outcome.account_id,
      mail_state = outcome.mail_state, mail_reason = outcome.mail_reason
    FROM (
      SELECT ${value('sessionId')}::text AS session_id, each.*
      FROM unnest(${value('positions')}::int[], ${value('accountStates')}::text[], ${value('accountReasons')}::text[],
        ${value('accountIds')}::uuid[], ${value('mailStates')}::text[], ${value('mailReasons')}::text[])
        AS each(position, account_state, account_reason, account_id, mail_state, mail_reason)
      ${optimizationFence()}
    ) outcome
    WHERE items.session_id = outcome.session_id AND items.position = outcome.position AND items.account_state = 'pending'
    RETURNING items.account_state, items.mail_state
  ),
  ${counted}
  SELECT * FROM moved`,
)
