import { sql, type SQL } from 'drizzle-orm'
import type { MailReason, MailState } from '@rollcall/shared'
import { rowsOf, type Database } from '../db/database.ts'
import { advance, type MovedRow } from './progress.queries.ts'

/** A chunk as its owner holds it. */
export interface Holding {
  sessionId: string
  chunk: number
  /** The node that holds it: a process that was marked dead goes on under another id, and writes nothing for the old one. */
  nodeId: string
  fence: number
}

/** A mail that wants to pass the gate. */
export interface GateEntry {
  holding: Holding
  position: number
  /** The Date header of the mail, kept from the first try on. */
  triedAt: Date
  /** True while the session is to hold after its first mails, so that the gate must count. */
  canary: boolean
}

/** What became of a mail. */
export interface OutcomeEntry {
  holding: Holding
  position: number
  state: Extract<MailState, 'sent' | 'failed' | 'unconfirmed' | 'pending'>
  reason: MailReason | null
  reply: string | null
  /** False where the mail server never judged the mail, so that no try is used up. */
  countsAsTry: boolean
  nextTryAt: Date | null
  /** When it was tried, of a mail that is to be tried again: the first such time counts as its beginning. */
  triedAt: Date | null
  at: Date
}

export interface LedgerResult {
  /** Positions that passed the gate. */
  gated: Set<number>
  /** Positions whose outcome was stored. */
  settled: Set<number>
  progress: MovedRow | null
}

/**
 * Stores gates and outcomes of one session in one transaction, so one commit carries them all.
 *
 * Invariants: a chunk's row is locked before the session's, and both before items. A gate opens only while the session
 * runs and the chunk is held with this fence; an outcome is stored only while the chunk is held with this fence, whatever
 * the session's status, because a mail that passed the gate has an outcome even after a pause or a cancel.
 */
export async function storeGatesAndOutcomes(
  database: Database,
  options: { sessionId: string; gates: GateEntry[]; outcomes: OutcomeEntry[]; now: Date },
): Promise<LedgerResult> {
  const { sessionId, gates, outcomes, now } = options
  const held = distinctHoldings([...gates, ...outcomes])
  const counts = gates.some((gate) => gate.canary)
  const beyondGate = counts ? sql`(SELECT mails FROM in_flight)` : sql`0`
  const inFlight = counts ? sql`in_flight AS MATERIALIZED (${mailsInFlight(sessionId)}), ` : sql``
  const statement = sql`WITH ${inFlight}owned AS MATERIALIZED (
      SELECT chunk.number, chunk.fence FROM chunks chunk
      JOIN unnest(${integers(held.map((each) => each.chunk))}, ${integers(held.map((each) => each.fence))}, ${texts(held.map((each) => each.nodeId))}) AS held(number, fence, node)
        ON held.number = chunk.number AND held.fence = chunk.fence AND held.node::uuid = chunk.owner
      WHERE chunk.session_id = ${sessionId}
      ORDER BY chunk.number
      FOR SHARE OF chunk
    ),
    current AS MATERIALIZED (
      SELECT status, canary, mails_sent FROM sessions WHERE id = ${sessionId} AND (SELECT count(*) FROM owned) > 0 FOR NO KEY UPDATE
    ),
    gated AS (
      UPDATE items SET mail_state = 'sending', first_try_at = coalesce(first_try_at, gate.tried_at)
      FROM unnest(${integers(gates.map((each) => each.position))}, ${integers(gates.map((each) => each.holding.chunk))},
        ${integers(gates.map((each) => each.holding.fence))}, ${times(gates.map((each) => each.triedAt))}) WITH ORDINALITY AS gate(position, chunk, fence, tried_at, ordinal)
      JOIN owned ON owned.number = gate.chunk AND owned.fence = gate.fence, current
      WHERE items.session_id = ${sessionId} AND items.position = ANY(${integers(gates.map((each) => each.position))})
        AND items.position = gate.position AND items.mail_state = 'pending'
        AND current.status = 'running' AND (current.canary IS NULL OR gate.ordinal <= current.canary - current.mails_sent - ${beyondGate})
      RETURNING items.position
    ),
    settled AS (
      UPDATE items SET mail_state = outcome.state, mail_reason = outcome.reason, reply = coalesce(outcome.reply, items.reply),
        tries = items.tries + outcome.tries, next_try_at = outcome.next_try_at,
        first_try_at = coalesce(items.first_try_at, outcome.tried_at),
        sent_at = CASE WHEN outcome.state = 'sent' THEN outcome.at END,
        settled_by = CASE WHEN outcome.state <> 'pending' THEN 'answer' END
      FROM unnest(${integers(outcomes.map((each) => each.position))}, ${integers(outcomes.map((each) => each.holding.chunk))},
        ${integers(outcomes.map((each) => each.holding.fence))}, ${texts(outcomes.map((each) => each.state))}, ${texts(outcomes.map((each) => each.reason))},
        ${texts(outcomes.map((each) => each.reply))}, ${integers(outcomes.map((each) => (each.countsAsTry ? 1 : 0)))},
        ${times(outcomes.map((each) => each.nextTryAt))}, ${times(outcomes.map((each) => each.triedAt))}, ${times(outcomes.map((each) => each.at))})
        AS outcome(position, chunk, fence, state, reason, reply, tries, next_try_at, tried_at, at)
      JOIN owned ON owned.number = outcome.chunk AND owned.fence = outcome.fence, current
      WHERE items.session_id = ${sessionId} AND items.position = ANY(${integers(outcomes.map((each) => each.position))})
        AND items.position = outcome.position AND items.mail_state IN ('pending', 'sending')
      RETURNING items.position, items.mail_state
    )
    SELECT position, 'gated' AS result FROM gated UNION ALL SELECT position, mail_state FROM settled`
  return database.transaction(async (transaction) => {
    // A statement sees the database as of its beginning; to count, it must begin after the session is locked.
    if (counts) await transaction.execute(lockStatement(sessionId, held))
    const rows = await rowsOf<{ position: number; result: 'gated' | OutcomeEntry['state'] }>(transaction, statement)
    const count = (result: string) => rows.filter((row) => row.result === result).length
    const deltas = {
      mailsSent: count('sent'),
      mailsFailed: count('failed'),
      mailsUnconfirmed: count('unconfirmed'),
    }
    const moved = deltas.mailsSent + deltas.mailsFailed + deltas.mailsUnconfirmed > 0
    return {
      gated: new Set(rows.filter((row) => row.result === 'gated').map((row) => row.position)),
      settled: new Set(rows.filter((row) => row.result !== 'gated').map((row) => row.position)),
      progress: moved ? await advance(transaction, { sessionId, now, deltas }) : null,
    }
  })
}

/** Locks in the order of all writers: chunks, then the session. */
function lockStatement(sessionId: string, held: Holding[]): SQL {
  return sql`WITH chunk_locks AS MATERIALIZED (
      SELECT number FROM chunks WHERE session_id = ${sessionId} AND number = ANY(${integers(held.map((each) => each.chunk))})
      ORDER BY number FOR SHARE
    )
    SELECT 1 FROM sessions WHERE id = ${sessionId} AND (SELECT count(*) FROM chunk_locks) >= 0 FOR NO KEY UPDATE`
}

/** Mails of a session that are past the gate without an outcome: only chunks that are held have any. */
function mailsInFlight(sessionId: string): SQL {
  return sql`SELECT count(*) AS mails FROM chunks chunk JOIN items ON items.session_id = chunk.session_id
      AND items.position BETWEEN chunk.first_position AND chunk.last_position
    WHERE chunk.session_id = ${sessionId} AND chunk.owner IS NOT NULL AND items.mail_state = 'sending'`
}

/** A chunk may be held twice over a short time, under two fences; each counts for its own entries. */
function distinctHoldings(entries: { holding: Holding }[]): Holding[] {
  return [...new Map(entries.map(({ holding }) => [`${holding.chunk} ${holding.fence}`, holding])).values()]
}

function integers(values: number[]): SQL {
  return sql`${sql.param(values)}::int[]`
}

function texts(values: (string | null)[]): SQL {
  return sql`${sql.param(values)}::text[]`
}

function times(values: (Date | null)[]): SQL {
  return sql`${sql.param(values.map((value) => value?.toISOString() ?? null))}::timestamptz[]`
}
