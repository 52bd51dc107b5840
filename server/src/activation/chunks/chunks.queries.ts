import { sql } from 'drizzle-orm'
import type { PgBoss } from 'pg-boss'
import type { SessionStatus } from '@rollcall/shared'
import { rowsOf, type Queryable, type Transaction } from '../../db/database.ts'
import { prepare, value } from '../../db/prepared.ts'
import { settleAll } from '../../util/settle-all.ts'
import { enqueue } from '../../jobs/queues.ts'
import { settleInFlight } from './recovery.queries.ts'
import type { Phase } from '../session/waiting-chunks.queries.ts'
import type { Holding } from './outbox.queries.ts'
import { advance } from '../session/advance.queries.ts'

/** A chunk that this node holds, and the positions of its items. */
export interface HeldChunk extends Holding {
  firstPosition: number
  lastPosition: number
}

/** This process cannot work right now, although there may be work: the job is to be tried again. */
export class NotNow extends Error {
  override name = 'NotNow'
}

/**
 * Takes a chunk for this node, and raises its fence. Gives null where there is nothing to do for this job: the phase is
 * done, the session does not run (a resume puts new jobs), or another job holds the chunk (and puts one when it lets go).
 * Throws where it is this process that cannot work, so that its job is not used up.
 *
 * A chunk that this node holds already is one whose claim was stored and whose answer was lost: the caller sees to it
 * that a process works on a chunk only once.
 */
export async function claimChunk(
  database: Queryable,
  options: { sessionId: string; chunk: number; phase: Phase; nodeId: string | null },
): Promise<HeldChunk | null> {
  if (options.nodeId === null) throw new NotNow('This process is stopping, or is not heard by the database.')
  const wanted = options.phase === 'accounts' ? sql`NOT accounts_done` : sql`accounts_done AND NOT mails_done`
  const rows = await rowsOf<{ fence: number; first_position: number; last_position: number }>(
    database,
    sql`UPDATE chunks SET owner = ${options.nodeId}::uuid, fence = fence + 1
      WHERE session_id = ${options.sessionId} AND number = ${options.chunk} AND (owner IS NULL OR owner = ${options.nodeId}::uuid) AND ${wanted}
        AND EXISTS (SELECT FROM nodes WHERE id = ${options.nodeId}::uuid AND dead_at IS NULL)
        AND EXISTS (SELECT FROM sessions WHERE id = ${options.sessionId} AND status IN ('queued', 'running'))
      RETURNING fence, first_position, last_position`,
  )
  const row = rows[0]
  if (row === undefined) {
    const [node] = await rowsOf(
      database,
      sql`SELECT 1 FROM nodes WHERE id = ${options.nodeId}::uuid AND dead_at IS NULL`,
    )
    if (node === undefined) throw new NotNow('This process was declared dead.')
    return null
  }
  return {
    sessionId: options.sessionId,
    chunk: options.chunk,
    nodeId: options.nodeId,
    fence: row.fence,
    firstPosition: row.first_position,
    lastPosition: row.last_position,
  }
}

/** Locks a held chunk until the transaction ends; false when it is no longer held with this fence. */
export async function lockHeldChunk(database: Queryable, holding: Holding): Promise<boolean> {
  const rows = await lockHeld.rows(database, { ...holding })
  return rows.length === 1
}

const isHeldChunk = sql`session_id = ${value('sessionId')} AND number = ${value('chunk')}
  AND owner = ${value('nodeId')}::uuid AND fence = ${value('fence')}`
const lockHeld = prepare('lock_held_chunk', sql`SELECT 1 FROM chunks WHERE ${isHeldChunk} FOR UPDATE`)

/** Gives a locked chunk back after its accounts are made; `mailsDone` when none of them is to be mailed. */
export async function finishAccounts(database: Queryable, holding: Holding, mailsDone: boolean): Promise<void> {
  await accountsFinished.rows(database, { ...holding, mailsDone })
}

const accountsFinished = prepare(
  'finish_accounts',
  sql`UPDATE chunks SET owner = NULL, accounts_done = true, mails_done = ${value('mailsDone')} WHERE ${isHeldChunk}`,
)

/** Gives a locked chunk back where nothing of it is left to do, and nothing in flight; true when it did. */
async function finishWhole(database: Queryable, held: HeldChunk): Promise<boolean> {
  const rows = await wholeFinished.rows(database, { ...held })
  return rows.length === 1
}

const wholeFinished = prepare(
  'finish_whole_chunk',
  sql`UPDATE chunks SET owner = NULL, mails_done = true WHERE ${isHeldChunk} AND accounts_done AND NOT EXISTS (
      SELECT FROM items WHERE session_id = ${value('sessionId')} AND mail_state IN ('pending', 'sending')
        AND position BETWEEN ${value('firstPosition')} AND ${value('lastPosition')}
    ) RETURNING 1`,
)

/**
 * Gives a chunk back after a turn of work, and puts the job for its next turn where work is left: at once, after
 * `delaySeconds`, or when the first of its mails is due. Nothing of the chunk is in flight any more, so a mail that is
 * still `sending` is one whose outcome could not be stored: it is unconfirmed.
 *
 * Chunk and session are locked in the order of all writers, so a resume or a cancel comes either before (and the job is
 * put here) or after (and finds the chunk free). Where nothing is left no job is put, and the session is not asked: its
 * gates and outcomes would wait.
 */
export async function releaseChunk(
  boss: PgBoss,
  transaction: Transaction,
  held: HeldChunk,
  phase: Phase,
  options: { delaySeconds: number; now: Date },
): Promise<void> {
  const [isHeld, isFinished] = await settleAll([
    lockHeldChunk(transaction, held),
    // A statement of its own after the lock, so that it sees what was reopened meanwhile.
    finishWhole(transaction, held),
  ])
  if (!isHeld || isFinished) return
  const { sessionId, chunk } = held
  const lost = await settleInFlight(transaction, sessionId, [chunk], { state: 'unconfirmed', reason: 'answer_lost' })
  const [session] = await rowsOf<{ status: SessionStatus }>(
    transaction,
    sql`SELECT status FROM sessions WHERE id = ${sessionId} FOR NO KEY UPDATE`,
  )
  if (lost > 0) await advance(transaction, { sessionId, now: options.now, deltas: { mailsUnconfirmed: lost } })
  const [row] = await rowsOf<{ done: boolean; start_after: string | null }>(
    transaction,
    sql`UPDATE chunks SET owner = NULL, mails_done = accounts_done AND waiting.mails = 0
      FROM (
        SELECT count(*) AS mails, min(coalesce(next_try_at, now())) AS due FROM items
        WHERE session_id = ${sessionId} AND position BETWEEN ${held.firstPosition} AND ${held.lastPosition} AND mail_state = 'pending'
      ) waiting
      WHERE session_id = ${sessionId} AND number = ${chunk}
      RETURNING accounts_done AND mails_done AS done,
        nullif(greatest(waiting.due, now() + make_interval(secs => ${options.delaySeconds})), now()) AS start_after`,
  )
  if (row === undefined || row.done) return
  const data = { sessionId, chunk }
  if (session?.status === 'cancelled') await enqueue(boss, transaction, 'cancel', [{ data }])
  if (session?.status !== 'running' && session?.status !== 'queued') return
  await enqueue(boss, transaction, phase, [
    { data, startAfter: row.start_after === null ? null : new Date(row.start_after) },
  ])
}

/** Locks a chunk, held or not, until the transaction ends. */
export async function lockChunk(
  database: Queryable,
  sessionId: string,
  chunk: number,
): Promise<{ sessionId: string; chunk: number; firstPosition: number; lastPosition: number } | null> {
  const rows = await rowsOf<{ first_position: number; last_position: number }>(
    database,
    sql`SELECT first_position, last_position FROM chunks WHERE session_id = ${sessionId} AND number = ${chunk} FOR UPDATE`,
  )
  const row = rows[0]
  return row === undefined
    ? null
    : { sessionId, chunk, firstPosition: row.first_position, lastPosition: row.last_position }
}

/** The numbers of a session's chunks that are not done. */
export async function unfinishedChunks(database: Queryable, sessionId: string): Promise<number[]> {
  const rows = await rowsOf<{ number: number }>(
    database,
    sql`SELECT number FROM chunks WHERE session_id = ${sessionId} AND NOT (accounts_done AND mails_done) ORDER BY number`,
  )
  return rows.map((row) => row.number)
}
