import { sql } from 'drizzle-orm'
import { rowsOf, type Queryable } from '../db/database.ts'
import type { Holding } from './ledger.queries.ts'

/** A chunk that this node holds, and the positions of its items. */
export interface HeldChunk extends Holding {
  firstPosition: number
  lastPosition: number
}

/** What a worker does to a chunk: first its accounts, then its mails. */
export type Phase = 'accounts' | 'mails'

/**
 * Takes a chunk for this node, and raises its fence. Gives null where there is nothing to do: the phase is done, the
 * session does not run, another node holds the chunk, or this node was marked dead.
 */
export async function claimChunk(
  database: Queryable,
  options: { sessionId: string; chunk: number; phase: Phase; nodeId: string },
): Promise<HeldChunk | null> {
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
  if (row === undefined) return null
  return {
    sessionId: options.sessionId,
    chunk: options.chunk,
    fence: row.fence,
    firstPosition: row.first_position,
    lastPosition: row.last_position,
  }
}

/** Locks a held chunk until the transaction ends; false when it is no longer held with this fence. */
export async function lockHeldChunk(database: Queryable, holding: Holding, nodeId: string): Promise<boolean> {
  const rows = await rowsOf(
    database,
    sql`SELECT 1 FROM chunks WHERE session_id = ${holding.sessionId} AND number = ${holding.chunk}
      AND owner = ${nodeId}::uuid AND fence = ${holding.fence} FOR UPDATE`,
  )
  return rows.length === 1
}

/** Gives a locked chunk back after its accounts are made. */
export async function finishAccounts(database: Queryable, holding: Holding): Promise<void> {
  await database.execute(
    sql`UPDATE chunks SET owner = NULL, accounts_done = true
      WHERE session_id = ${holding.sessionId} AND number = ${holding.chunk}`,
  )
}

/**
 * Gives a locked chunk back after a turn of mailing; it is done when no mail of it is pending. `nextTryAt` is when the
 * first of the others is due, and null when the chunk is done.
 */
export async function releaseMails(database: Queryable, held: HeldChunk, now: Date): Promise<{ nextTryAt: Date | null }> {
  const rows = await rowsOf<{ mails_done: boolean; due: string | null }>(
    database,
    sql`UPDATE chunks SET owner = NULL, mails_done = waiting.mails = 0
      FROM (
        SELECT count(*) AS mails, min(coalesce(next_try_at, ${now.toISOString()}::timestamptz)) AS due FROM items
        WHERE session_id = ${held.sessionId} AND position BETWEEN ${held.firstPosition} AND ${held.lastPosition}
          AND mail_state IN ('pending', 'sending')
      ) waiting
      WHERE session_id = ${held.sessionId} AND number = ${held.chunk}
      RETURNING mails_done, waiting.due`,
  )
  const row = rows[0]
  return { nextTryAt: row === undefined || row.mails_done || row.due === null ? null : new Date(row.due) }
}

/** The chunks of a session that nobody holds and that are not done, by the phase that is next for them. */
export async function waitingChunks(database: Queryable, sessionId: string): Promise<{ number: number; phase: Phase }[]> {
  return rowsOf<{ number: number; phase: Phase }>(
    database,
    sql`SELECT number, CASE WHEN accounts_done THEN 'mails' ELSE 'accounts' END AS phase FROM chunks
      WHERE session_id = ${sessionId} AND owner IS NULL AND NOT (accounts_done AND mails_done) ORDER BY number`,
  )
}
