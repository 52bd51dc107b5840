import { sql } from 'drizzle-orm'
import {
  accountStates,
  mailStates,
  type AccountState,
  type AccountStatus,
  type MailReason,
  type MailState,
} from '@rollcall/shared'
import { rowsOf, type Database, type Queryable } from '../../db/database.ts'
import { byRowAddress } from '../../db/planner.ts'
import { prepare, value } from '../../db/prepared.ts'
import type { ClaimedChunk } from './chunks.queries.ts'
import type { Deltas } from '../session/advance.queries.ts'

export interface ItemRow {
  [column: string]: unknown
  session_id: string
  position: number
  lead_id: string
  email: string
  first_name: string
  last_name: string
  company: string
  account_state: AccountState
  account_reason: string | null
  account_id: string | null
  mail_state: MailState
  mail_reason: string | null
  tries: number
  next_try_at: string | null
  first_try_at: string | null
  reply: string | null
  sent_at: string | null
  settled_by: string | null
}

/** True of the items of a chunk, for statements that read them in the order of their positions. */
export const isOfChunk = sql`items.session_id = ${value('sessionId')} AND items.position BETWEEN ${value('firstPosition')} AND ${value('lastPosition')}`

/**
 * True of the items of a chunk, for statements that change them. Such a statement has no ORDER BY: while PostgreSQL has no
 * statistics of the table, it would take any index of a session for as good, and read all of the session for each chunk. The
 * chunk is locked, so nobody else changes what is pending in it between.
 */
export const isRowOfChunk = byRowAddress(
  'items',
  sql`SELECT items.ctid FROM items WHERE ${isOfChunk} ORDER BY items.position`,
)

/** A mail that is due, with the values that it is composed of. */
export interface DueMail {
  position: number
  email: string
  first_name: string
  last_name: string
  company: string
  account_id: string
  account_status: AccountStatus
  generation: number
  token_expires_at: string
  tries: number
  first_try_at: string | null
  /** True when the mail may have arrived already. */
  in_doubt: boolean
}

/** True of mails that are due by the database's clock, which the jobs go by as well. */
const isDue = sql`items.mail_state = 'pending' AND (items.next_try_at IS NULL OR items.next_try_at <= now())`

/** Reads the mails of a chunk that are due now, in the order of their positions. */
export async function dueMails(database: Database, claimed: ClaimedChunk): Promise<DueMail[]> {
  return mailsDue.rows(database, { ...claimed })
}

const mailsDue = prepare<DueMail>(
  'due_mails',
  sql`SELECT items.position, items.email, items.first_name, items.last_name, items.company, items.account_id,
      account.status AS account_status, account.generation, account.token_expires_at, items.tries, items.first_try_at, items.in_doubt
    FROM items JOIN accounts account ON account.id = items.account_id
    WHERE ${isOfChunk} AND ${isDue} ORDER BY items.position`,
)

/**
 * Skips the due mails of a locked chunk to people who have a password by now; a mail that may have arrived already has, and
 * becomes sent instead. Returns how many were skipped and how many have arrived.
 */
export async function skipActivated(
  database: Queryable,
  claimed: ClaimedChunk,
): Promise<{ skipped: number; arrived: number }> {
  const [row] = await activatedSkipped.rows(database, { ...claimed })
  return row ?? { skipped: 0, arrived: 0 }
}

const activatedSkipped = prepare<{ skipped: number; arrived: number }>(
  'skip_activated',
  sql`WITH changed AS (
      UPDATE items SET mail_state = CASE WHEN items.in_doubt THEN 'sent' ELSE 'skipped' END,
        mail_reason = CASE WHEN NOT items.in_doubt THEN 'already_active' END,
        settled_by = CASE WHEN items.in_doubt THEN 'activation' END, in_doubt = false, next_try_at = NULL
      FROM accounts account WHERE account.id = items.account_id AND account.status = 'active' AND ${isRowOfChunk} AND ${isDue}
      RETURNING mail_state
    ) SELECT (count(*) FILTER (WHERE mail_state = 'skipped'))::int AS skipped, (count(*) FILTER (WHERE mail_state = 'sent'))::int AS arrived
      FROM changed`,
)

/**
 * Gives an outcome to the mails of these locked chunks that are past the gate without one, because the worker or the answer
 * was lost; returns how many there were.
 */
export async function resolveInFlight(
  database: Queryable,
  sessionId: string,
  chunkNumbers: number[],
  outcome: { state: 'pending' | 'unconfirmed'; reason: MailReason },
): Promise<number> {
  const settledBy = outcome.state === 'unconfirmed' ? 'takeover' : null
  const rows = await rowsOf<{ items: number }>(
    database,
    sql`WITH resolved AS (
      UPDATE items SET mail_state = ${outcome.state}, mail_reason = ${outcome.reason}, tries = tries + 1, settled_by = ${settledBy},
        in_doubt = true
      FROM chunks chunk
      WHERE chunk.session_id = ${sessionId} AND chunk.number = ANY(${sql.param(chunkNumbers)}::int[])
        AND items.session_id = chunk.session_id AND items.position BETWEEN chunk.first_position AND chunk.last_position
        AND items.mail_state = 'sending'
      RETURNING 1
    ) SELECT count(*)::int AS items FROM resolved`,
  )
  return rows[0]?.items ?? 0
}

/** Reads the items of a lead, at most `limit` of them, the newest session first. */
export async function itemsOfLead(
  database: Database,
  leadId: string,
  limit: number,
): Promise<(ItemRow & { status: string; created_at: string })[]> {
  return rowsOf(
    database,
    sql`SELECT items.*, session.status, session.created_at FROM items JOIN sessions session ON session.id = items.session_id
      WHERE items.lead_id = ${leadId}::uuid ORDER BY session.created_at DESC, session.id DESC LIMIT ${limit}`,
  )
}

/** Counts the items of a session by their states. The session's counters equal this count at any moment. */
export async function recount(
  database: Queryable,
  sessionId: string,
): Promise<{ accounts: Record<AccountState, number>; mails: Record<MailState, number>; total: number }> {
  const rows = await rowsOf<{ account_state: AccountState; mail_state: MailState; items: number }>(
    database,
    sql`SELECT account_state, mail_state, count(*)::int AS items FROM items WHERE session_id = ${sessionId} GROUP BY 1, 2`,
  )
  const accounts = zeroOfEach(accountStates)
  const mails = zeroOfEach(mailStates)
  let total = 0
  for (const row of rows) {
    accounts[row.account_state] += row.items
    mails[row.mail_state] += row.items
    total += row.items
  }
  return { accounts, mails, total }
}

function zeroOfEach<State extends string>(states: readonly State[]): Record<State, number> {
  return Object.fromEntries(states.map((state) => [state, 0])) as Record<State, number>
}

/**
 * Cancels what is still pending in a locked chunk; a mail that may have arrived, and was to be sent again, is unconfirmed
 * instead. Returns by how much each counter moves.
 */
export async function cancelPending(
  database: Queryable,
  chunk: Pick<ClaimedChunk, 'sessionId' | 'firstPosition' | 'lastPosition'>,
): Promise<Deltas> {
  const rows = await rowsOf<{ accountsCancelled: number; mailsCancelled: number; mailsUnconfirmed: number }>(
    database,
    sql`WITH stopped AS (
      UPDATE items SET
        account_state = CASE WHEN account_state = 'pending' THEN 'cancelled' ELSE account_state END,
        account_reason = CASE WHEN account_state = 'pending' THEN 'cancelled' ELSE account_reason END,
        mail_state = CASE WHEN mail_state <> 'pending' THEN mail_state WHEN in_doubt THEN 'unconfirmed' ELSE 'cancelled' END,
        mail_reason = CASE WHEN mail_state <> 'pending' THEN mail_reason WHEN in_doubt THEN 'answer_lost' ELSE 'cancelled' END,
        next_try_at = NULL
      WHERE session_id = ${chunk.sessionId} AND position BETWEEN ${chunk.firstPosition} AND ${chunk.lastPosition}
        AND (account_state = 'pending' OR mail_state = 'pending')
      RETURNING OLD.account_state AS account_before, OLD.mail_state AS mail_before, mail_state
    )
    SELECT (count(*) FILTER (WHERE account_before = 'pending'))::int AS "accountsCancelled",
      (count(*) FILTER (WHERE mail_before = 'pending' AND mail_state = 'cancelled'))::int AS "mailsCancelled",
      (count(*) FILTER (WHERE mail_before = 'pending' AND mail_state = 'unconfirmed'))::int AS "mailsUnconfirmed" FROM stopped`,
  )
  return rows[0] ?? {}
}

/**
 * Makes failed or unconfirmed mails pending again; returns the chunks that have work again and how many items each has.
 * A failed mail starts anew, with all its tries; an unconfirmed one stays the same mail, byte for byte.
 */
export async function reopenMails(
  database: Queryable,
  options: { sessionId: string; state: 'failed' | 'unconfirmed'; reason: string | null },
): Promise<{ chunk: number; items: number }[]> {
  const { sessionId, state } = options
  const chosen = sql`session_id = ${sessionId} AND mail_state = ${state} AND mail_reason IS NOT NULL
    AND (${options.reason}::text IS NULL OR mail_reason = ${options.reason}::text)`
  await rowsOf(
    database,
    sql`SELECT number FROM chunks WHERE session_id = ${sessionId} AND number IN (SELECT chunk FROM items WHERE ${chosen})
      ORDER BY number FOR UPDATE`,
  )
  return rowsOf(
    database,
    sql`WITH reopened AS (
      UPDATE items SET mail_state = 'pending', mail_reason = NULL, next_try_at = NULL, settled_by = NULL,
        first_try_at = CASE WHEN ${state} = 'unconfirmed' THEN first_try_at END,
        tries = CASE WHEN ${state} = 'unconfirmed' THEN tries ELSE 0 END, in_doubt = ${state} = 'unconfirmed'
      WHERE ${chosen} RETURNING chunk
    ), counted AS (
      SELECT chunk, count(*)::int AS items FROM reopened GROUP BY chunk
    ), undone AS (
      UPDATE chunks SET mails_done = false FROM counted WHERE chunks.session_id = ${sessionId} AND chunks.number = counted.chunk
    )
    SELECT chunk, items FROM counted ORDER BY chunk`,
  )
}

/** Marks the unconfirmed mails of a session as sent, because a person says so; returns how many there were. */
export async function confirmByPerson(database: Queryable, sessionId: string): Promise<number> {
  const chosen = sql`session_id = ${sessionId} AND mail_state = 'unconfirmed' AND mail_reason IS NOT NULL`
  await rowsOf(
    database,
    sql`SELECT number FROM chunks WHERE session_id = ${sessionId} AND number IN (SELECT chunk FROM items WHERE ${chosen})
      ORDER BY number FOR UPDATE`,
  )
  const rows = await rowsOf<{ items: number }>(
    database,
    sql`WITH confirmed AS (
      UPDATE items SET mail_state = 'sent', mail_reason = NULL, settled_by = 'person', in_doubt = false WHERE ${chosen} RETURNING 1
    ) SELECT count(*)::int AS items FROM confirmed`,
  )
  return rows[0]?.items ?? 0
}

/**
 * Marks the unconfirmed mails to an account as sent, because its person has activated it by one of them; returns how many
 * there were in each session.
 */
export async function confirmByActivation(
  database: Queryable,
  accountId: string,
): Promise<{ session_id: string; items: number }[]> {
  return rowsOf(
    database,
    sql`WITH confirmed AS (
      UPDATE items SET mail_state = 'sent', mail_reason = NULL, settled_by = 'activation', in_doubt = false
      FROM accounts account WHERE account.id = ${accountId}::uuid AND items.lead_id = account.lead_id
        AND items.account_id = account.id AND items.mail_state = 'unconfirmed' RETURNING items.session_id
    ) SELECT session_id, count(*)::int AS items FROM confirmed GROUP BY session_id ORDER BY session_id`,
  )
}
