import { sql } from 'drizzle-orm'
import { pendingMailStates, type MailReason, type MailState, type SessionStatus } from '@rollcall/shared'
import type { Database, Queryable } from '../../db/database.ts'
import { afterAllOf } from '../../db/planner.ts'
import { plainArray, prepare, type Prepared } from '../../db/prepared.ts'
import { sqlList } from '../../db/sql-list.ts'
import type { ChunkClaim } from './chunks.queries.ts'
import { advanceParts, deltasOfRecorded, type MovedRow } from '../session/advance.queries.ts'

/** A mail that is about to be handed over and asks to pass the gate. */
export interface GateEntry {
  claim: ChunkClaim
  position: number
  /** The Date header of the mail, kept from the first try on. */
  triedAt: Date
  /** True while the session is to hold after its first mails, so that the gate must count. */
  canary: boolean
}

/** What became of a mail. */
export interface OutcomeEntry {
  claim: ChunkClaim
  position: number
  state: Extract<MailState, 'sent' | 'failed' | 'unconfirmed' | 'pending'>
  reason: MailReason | null
  reply: string | null
  /** False where the mail server never decided about the mail, so that no try is used up. */
  countsAsTry: boolean
  nextTryAt: Date | null
  /** When the mail was tried, where the mail server put it off; the first such time is stored as that of its first try. */
  triedAt: Date | null
  at: Date
}

export interface OutboxResult {
  /** Positions that passed the gate. */
  gated: Set<number>
  /** Positions whose outcome was stored. */
  recorded: Set<number>
  /** True while the session runs and at least one of the claims is valid. */
  sessionRuns: boolean
  /** How the session stands now; null when no counter moved. */
  progress: Pick<MovedRow, 'status' | 'status_before'> | null
}

/**
 * Stores gates and outcomes of one session, and moves its counters, in one statement, so one commit carries them all.
 *
 * Invariants: this statement locks the chunk's row before the session's, and both before items. A gate opens only while the session
 * runs and the claim on the chunk is valid; an outcome is stored only while the claim on the chunk is valid, whatever
 * the session's status, because a mail that passed the gate has an outcome even after a pause or a cancel.
 */
export async function storeGatesAndOutcomes(
  database: Database,
  options: { sessionId: string; gates: GateEntry[]; outcomes: OutcomeEntry[]; now: Date },
): Promise<OutboxResult> {
  const { sessionId, gates, outcomes } = options
  const values = valuesOf(options)
  if (!gates.some((gate) => gate.canary)) return resultOf(await plain.rows(database, values))
  return database.transaction(async (transaction) => {
    // A statement sees the database as it was when the statement began, so the one that counts must begin after the lock.
    await lockInOrder(transaction, sessionId, [...gates, ...outcomes])
    return resultOf(await counting.rows(transaction, values))
  })
}

interface StoredRow {
  gated: number[] | null
  recorded: number[] | null
  status: SessionStatus | null
  status_before: SessionStatus | null
  status_now: SessionStatus | null
}

function resultOf([row]: StoredRow[]): OutboxResult {
  const { status = null, status_before = null, status_now = null } = row ?? {}
  return {
    sessionRuns: status_now === 'running',
    gated: new Set(row?.gated),
    recorded: new Set(row?.recorded),
    progress: status === null || status_before === null ? null : { status, status_before },
  }
}

function valuesOf(options: { sessionId: string; gates: GateEntry[]; outcomes: OutcomeEntry[]; now: Date }) {
  const { sessionId, gates, outcomes, now } = options
  const claims = distinctClaims([...gates, ...outcomes])
  return {
    session: sessionId,
    now: now.toISOString(),
    claim_sessions: claims.map((each) => each.sessionId),
    claim_chunks: claims.map((each) => each.chunk),
    claim_fences: claims.map((each) => each.fence),
    claim_nodes: claims.map((each) => each.nodeId),
    gate_positions: plainArray(gates.map((each) => each.position)),
    gate_chunks: plainArray(gates.map((each) => each.claim.chunk)),
    gate_fences: plainArray(gates.map((each) => each.claim.fence)),
    gate_tried: plainArray(gates.map((each) => each.triedAt.toISOString())),
    positions: plainArray(outcomes.map((each) => each.position)),
    chunks: plainArray(outcomes.map((each) => each.claim.chunk)),
    fences: plainArray(outcomes.map((each) => each.claim.fence)),
    states: plainArray(outcomes.map((each) => each.state)),
    reasons: plainArray(outcomes.map((each) => each.reason)),
    replies: outcomes.map((each) => each.reply),
    tries: plainArray(outcomes.map((each) => (each.countsAsTry ? 1 : 0))),
    next_tries: plainArray(outcomes.map((each) => each.nextTryAt?.toISOString() ?? null)),
    tried: plainArray(outcomes.map((each) => each.triedAt?.toISOString() ?? null)),
    times: plainArray(outcomes.map((each) => each.at.toISOString())),
  }
}

type ValueName = keyof ReturnType<typeof valuesOf>
const value = (name: ValueName) => sql.placeholder(name)
const integers = (name: ValueName) => sql`${value(name)}::int[]`
const texts = (name: ValueName) => sql`${value(name)}::text[]`
const times = (name: ValueName) => sql`${value(name)}::timestamptz[]`

/**
 * Prepares the statement that stores gates and outcomes. With `counts` it counts the mails in flight as well, for a session
 * that is to hold after its first mails.
 *
 * The statement finds items by columns of the claimed chunks, the session's id included, and never by a value of the call:
 * with a value, a plan that is made while the table is small, and kept, would read all items of the session each time.
 */
function storing(name: string, counts: boolean): Prepared<StoredRow> {
  const beyondGate = counts ? sql`(SELECT mails FROM in_flight)` : sql`0`
  const inFlight = counts ? sql`in_flight AS MATERIALIZED (${mailsInFlight}), ` : sql``
  return prepare(
    name,
    sql`WITH ${inFlight}owned AS MATERIALIZED (
      SELECT chunk.session_id, chunk.number, chunk.fence
      FROM unnest(${texts('claim_sessions')}, ${integers('claim_chunks')}, ${integers('claim_fences')}, ${texts('claim_nodes')}) AS claim(session_id, number, fence, node)
      JOIN chunks chunk ON chunk.session_id = claim.session_id AND chunk.number = claim.number
        AND chunk.fence = claim.fence AND chunk.owner = claim.node::uuid
      ORDER BY chunk.number
      FOR SHARE OF chunk
    ),
    current AS MATERIALIZED (
      SELECT status, canary, mails_sent FROM sessions WHERE id = ${value('session')} AND (SELECT count(*) FROM owned) > 0 FOR NO KEY UPDATE
    ),
    gated AS (
      UPDATE items SET mail_state = 'sending', first_try_at = coalesce(first_try_at, gate.tried_at)
      FROM unnest(${integers('gate_positions')}, ${integers('gate_chunks')}, ${integers('gate_fences')}, ${times('gate_tried')})
        WITH ORDINALITY AS gate(position, chunk, fence, tried_at, ordinal)
      JOIN owned ON owned.number = gate.chunk AND owned.fence = gate.fence, current
      WHERE items.session_id = owned.session_id AND items.position = gate.position AND items.mail_state = 'pending'
        AND current.status = 'running' AND (current.canary IS NULL OR gate.ordinal <= current.canary - current.mails_sent - ${beyondGate})
      RETURNING items.position
    ),
    recorded AS (
      UPDATE items SET mail_state = outcome.state, mail_reason = outcome.reason, reply = coalesce(outcome.reply, items.reply),
        tries = items.tries + outcome.tries, next_try_at = outcome.next_try_at,
        first_try_at = coalesce(items.first_try_at, outcome.tried_at),
        sent_at = CASE WHEN outcome.state = 'sent' THEN outcome.at END,
        settled_by = CASE WHEN outcome.state <> 'pending' THEN 'answer' END,
        in_doubt = outcome.state <> 'sent' AND (items.in_doubt OR coalesce(outcome.reason = 'answer_lost', false))
      FROM unnest(${integers('positions')}, ${integers('chunks')}, ${integers('fences')}, ${texts('states')}, ${texts('reasons')}, ${texts('replies')},
        ${integers('tries')}, ${times('next_tries')}, ${times('tried')}, ${times('times')})
        AS outcome(position, chunk, fence, state, reason, reply, tries, next_try_at, tried_at, at)
      JOIN owned ON owned.number = outcome.chunk AND owned.fence = outcome.fence, current
      WHERE items.session_id = owned.session_id AND items.position = outcome.position AND items.mail_state IN (${sqlList(pendingMailStates)})
      RETURNING items.position, items.mail_state
    ),
    ${advanceParts({ sessionId: sql`${value('session')}`, time: sql`${value('now')}::timestamptz`, deltas })}
    SELECT (SELECT array_agg(position) FROM gated) AS gated, (SELECT array_agg(position) FROM recorded) AS recorded, moved.status, moved.status_before,
      coalesce(moved.status, (SELECT status FROM current)) AS status_now
    FROM (SELECT 1) AS always LEFT JOIN moved ON true`,
  )
}

/** The counters that an outcome moves. */
const deltas = deltasOfRecorded({
  mails_sent: sql`mail_state = 'sent'`,
  mails_failed: sql`mail_state = 'failed'`,
  mails_unconfirmed: sql`mail_state = 'unconfirmed'`,
})

/** Counts the mails of a session that are past the gate without an outcome. Only chunks that are claimed have such mails. */
const mailsInFlight = sql`SELECT count(*) AS mails FROM chunks chunk JOIN items ON items.session_id = chunk.session_id
      AND items.position BETWEEN chunk.first_position AND chunk.last_position
    WHERE chunk.session_id = ${value('session')} AND chunk.owner IS NOT NULL AND items.mail_state = 'sending'`

const plain = storing('store_gates_and_outcomes', false)
const counting = storing('store_gates_and_outcomes_counting', true)

/** Locks the chunks of these entries and then their session until the transaction ends: the order of all writers. */
export async function lockInOrder(
  database: Queryable,
  sessionId: string,
  entries: readonly { claim: ChunkClaim }[],
): Promise<void> {
  await database.execute(sql`WITH chunk_locks AS MATERIALIZED (
      SELECT number FROM chunks WHERE session_id = ${sessionId} AND number = ANY(${sql.param(distinctClaims(entries).map((each) => each.chunk))}::int[])
      ORDER BY number FOR SHARE
    )
    SELECT 1 FROM sessions WHERE id = ${sessionId} AND ${afterAllOf('chunk_locks')} FOR NO KEY UPDATE`)
}

/** Returns the claims of these entries, each once. A chunk may have been claimed twice in a short time, under two fences. */
function distinctClaims(entries: readonly { claim: ChunkClaim }[]): ChunkClaim[] {
  return [...new Map(entries.map(({ claim }) => [`${claim.chunk} ${claim.fence}`, claim])).values()]
}
