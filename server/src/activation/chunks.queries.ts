import { sql } from 'drizzle-orm'
import type { PgBoss } from 'pg-boss'
import type { SessionStatus } from '@rollcall/shared'
import { rowsOf, type Queryable, type Transaction } from '../db/database.ts'
import { enqueue } from '../jobs/queues.ts'
import type { Holding } from './ledger.queries.ts'

/** A chunk that this node holds, and the positions of its items. */
export interface HeldChunk extends Holding {
  firstPosition: number
  lastPosition: number
}

/** What a worker does to a chunk: first its accounts, then its mails. */
export type Phase = 'accounts' | 'mails'

/** This process cannot work right now, although there may be work: the job is to be tried again. */
class NotNow extends Error {
  override name = 'NotNow'
}

/**
 * Takes a chunk for this node, and raises its fence. Gives null where there is nothing to do for this job: the phase is
 * done, the session does not run (a resume puts new jobs), or another job holds the chunk (and puts one when it lets go).
 * Throws where it is this process that cannot work, so that its job is not used up.
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
      WHERE session_id = ${options.sessionId} AND number = ${options.chunk} AND owner IS NULL AND ${wanted}
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
    if (node === undefined) throw new NotNow('This process was taken for dead.')
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
  const rows = await rowsOf(
    database,
    sql`SELECT 1 FROM chunks WHERE session_id = ${holding.sessionId} AND number = ${holding.chunk}
      AND owner = ${holding.nodeId}::uuid AND fence = ${holding.fence} FOR UPDATE`,
  )
  return rows.length === 1
}

/** Gives a locked chunk back after its accounts are made; `mailsDone` when none of them is to be mailed. */
export async function finishAccounts(database: Queryable, holding: Holding, mailsDone: boolean): Promise<void> {
  await database.execute(
    sql`UPDATE chunks SET owner = NULL, accounts_done = true, mails_done = ${mailsDone}
      WHERE session_id = ${holding.sessionId} AND number = ${holding.chunk}`,
  )
}

/**
 * Gives a chunk back after a turn of work, and puts the job for its next turn when its session runs: now for work that
 * is due, later for mails that wait for their next try. Session and chunk are locked in the order of all writers, so a
 * resume comes either before (and the job is put here) or after (and finds the chunk free).
 */
export async function releaseChunk(
  boss: PgBoss,
  transaction: Transaction,
  held: HeldChunk,
  phase: Phase,
  notBefore: Date | null,
): Promise<void> {
  if (!(await lockHeldChunk(transaction, held))) return
  const sessions = await rowsOf<{ status: SessionStatus }>(
    transaction,
    sql`SELECT status FROM sessions WHERE id = ${held.sessionId} FOR SHARE`,
  )
  const rows = await rowsOf<{ done: boolean; due: string | null }>(
    transaction,
    sql`UPDATE chunks SET owner = NULL, mails_done = accounts_done AND waiting.mails = 0
      FROM (
        SELECT count(*) AS mails,
          CASE WHEN bool_or(next_try_at IS NULL) THEN NULL ELSE min(next_try_at) END AS due
        FROM items
        WHERE session_id = ${held.sessionId} AND position BETWEEN ${held.firstPosition} AND ${held.lastPosition}
          AND mail_state IN ('pending', 'sending')
      ) waiting
      WHERE session_id = ${held.sessionId} AND number = ${held.chunk}
      RETURNING accounts_done AND mails_done AS done, waiting.due`,
  )
  const row = rows[0]
  const runs = sessions[0]?.status === 'running' || sessions[0]?.status === 'queued'
  if (row === undefined || row.done || !runs) return
  const due = row.due === null ? null : new Date(row.due)
  const startAfter = due !== null && (notBefore === null || due > notBefore) ? due : notBefore
  await enqueue(boss, transaction, phase, [{ data: { sessionId: held.sessionId, chunk: held.chunk }, startAfter }])
}

/** The chunks of a session that nobody holds and that are not done, by the phase that is next for them. */
export async function waitingChunks(
  database: Queryable,
  sessionId: string,
): Promise<{ number: number; phase: Phase }[]> {
  return rowsOf<{ number: number; phase: Phase }>(
    database,
    sql`SELECT number, CASE WHEN accounts_done THEN 'mails' ELSE 'accounts' END AS phase FROM chunks
      WHERE session_id = ${sessionId} AND owner IS NULL AND NOT (accounts_done AND mails_done) ORDER BY number`,
  )
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
