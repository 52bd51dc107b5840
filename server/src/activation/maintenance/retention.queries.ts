import { sql } from 'drizzle-orm'
import { finalStatuses } from '@rollcall/shared'
import { rowsOf, type Queryable, type Transaction } from '../../db/database.ts'
import { sqlList } from '../../db/sql-list.ts'

/** True of a session that is final and has nothing left that could change by itself; `sending` counts as pending. */
const isFinished = sql`status IN (${sqlList(finalStatuses)}) AND accounts_pending = 0 AND mails_pending = 0`

/** Reads the id of the session that finished first, where that was before `before`. */
export async function oldestFinishedSession(database: Queryable, before: Date): Promise<string | null> {
  const rows = await rowsOf<{ id: string }>(
    database,
    sql`SELECT id FROM sessions WHERE ${isFinished} AND finished_at < ${before.toISOString()}::timestamptz
      ORDER BY finished_at, id LIMIT 1`,
  )
  return rows[0]?.id ?? null
}

/**
 * Removes a session with its chunks, snapshots and events, and notes that its items are still to be removed. Returns false
 * where a retry made the session continue meanwhile. Chunks are locked before the session, as by every other writer.
 */
export async function removeSession(
  transaction: Transaction,
  sessionId: string,
  options: { before: Date; now: Date },
): Promise<boolean> {
  await transaction.execute(sql`SELECT FROM chunks WHERE session_id = ${sessionId} ORDER BY number FOR UPDATE`)
  const rows = await rowsOf(
    transaction,
    sql`SELECT 1 FROM sessions WHERE id = ${sessionId} AND ${isFinished}
      AND finished_at < ${options.before.toISOString()}::timestamptz FOR UPDATE`,
  )
  if (rows.length === 0) return false
  await transaction.execute(sql`INSERT INTO removals (session_id, removed_at, last_position)
    SELECT ${sessionId}, ${options.now.toISOString()}::timestamptz, coalesce(max(position), 0)
    FROM items WHERE session_id = ${sessionId}`)
  await transaction.execute(sql`DELETE FROM sessions WHERE id = ${sessionId}`)
  return true
}

/**
 * Removes the last items, at most `atMost`, of the session that was removed first; null where nothing is left to remove.
 * Items go from the end, so that the first position is taken until all are gone: a session with the same id cannot be
 * started while items of the removed one are left.
 */
export async function removeItems(
  database: Queryable,
  atMost: number,
): Promise<{ sessionId: string; items: number; done: boolean } | null> {
  const rows = await rowsOf<{ sessionId: string; items: number; done: boolean }>(
    database,
    sql`WITH step AS MATERIALIZED (
      SELECT session_id, last_position, last_position - ${atMost}::int AS rest FROM removals
      ORDER BY removed_at, session_id LIMIT 1 FOR UPDATE
    ), gone AS (
      DELETE FROM items USING step
      WHERE items.session_id = step.session_id AND items.position > step.rest AND items.position <= step.last_position
      RETURNING 1
    ), moved AS (
      UPDATE removals SET last_position = step.rest FROM step
      WHERE removals.session_id = step.session_id AND step.rest > 0
    ), finished AS (
      DELETE FROM removals USING step WHERE removals.session_id = step.session_id AND step.rest <= 0
    )
    SELECT session_id AS "sessionId", rest <= 0 AS done, (SELECT count(*)::int FROM gone) AS items FROM step`,
  )
  return rows[0] ?? null
}
