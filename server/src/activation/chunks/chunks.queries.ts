import { sql } from 'drizzle-orm'
import { pendingMailStates, runningStatuses } from '@rollcall/shared'
import { rowsOf, type Queryable } from '../../db/database.ts'
import { prepare, value } from '../../db/prepared.ts'
import { sqlList } from '../../db/sql-list.ts'
import type { Phase } from '../session/waiting-chunks.queries.ts'

/** A worker's right to write to a chunk. It is valid while the chunk's row has this owner and this fence. */
export interface ChunkClaim {
  sessionId: string
  chunk: number
  /** The chunk's owner. A process that was marked dead continues under another id, and writes nothing for the old one. */
  nodeId: string
  fence: number
}

/** A chunk that this node has claimed, and the positions of its items. */
export interface ClaimedChunk extends ChunkClaim {
  firstPosition: number
  lastPosition: number
}

/**
 * Claims a chunk for a node that is alive, and raises its fence, where the phase is still to be done, the session runs, and
 * no other node is the chunk's owner. Otherwise resolves to null.
 */
export async function claimFreeChunk(
  database: Queryable,
  options: { sessionId: string; chunk: number; phase: Phase; nodeId: string },
): Promise<ClaimedChunk | null> {
  const { sessionId, chunk, nodeId } = options
  const isToBeDone = options.phase === 'accounts' ? sql`NOT accounts_done` : sql`accounts_done AND NOT mails_done`
  const rows = await rowsOf<{ fence: number; first_position: number; last_position: number }>(
    database,
    sql`UPDATE chunks SET owner = ${nodeId}::uuid, fence = fence + 1
      WHERE session_id = ${sessionId} AND number = ${chunk} AND (owner IS NULL OR owner = ${nodeId}::uuid) AND ${isToBeDone}
        AND EXISTS (SELECT FROM nodes WHERE id = ${nodeId}::uuid AND dead_at IS NULL)
        AND EXISTS (SELECT FROM sessions WHERE id = ${sessionId} AND status IN (${sqlList(runningStatuses)}))
      RETURNING fence, first_position, last_position`,
  )
  const row = rows[0]
  if (row === undefined) return null
  return {
    sessionId,
    chunk,
    nodeId,
    fence: row.fence,
    firstPosition: row.first_position,
    lastPosition: row.last_position,
  }
}

/** True while nobody has marked the node dead. */
export async function isNodeAlive(database: Queryable, nodeId: string): Promise<boolean> {
  const rows = await rowsOf(database, sql`SELECT 1 FROM nodes WHERE id = ${nodeId}::uuid AND dead_at IS NULL`)
  return rows.length === 1
}

/** Locks a claimed chunk until the transaction ends; false when the claim is no longer valid. */
export async function lockClaimedChunk(database: Queryable, claim: ChunkClaim): Promise<boolean> {
  const rows = await claimedChunkLocked.rows(database, { ...claim })
  return rows.length === 1
}

const isClaimed = sql`session_id = ${value('sessionId')} AND number = ${value('chunk')}
  AND owner = ${value('nodeId')}::uuid AND fence = ${value('fence')}`
const claimedChunkLocked = prepare('lock_claimed_chunk', sql`SELECT 1 FROM chunks WHERE ${isClaimed} FOR UPDATE`)

/** Releases a locked chunk after its accounts are made; `mailsDone` when none of them is to be mailed. */
export async function finishAccounts(database: Queryable, claim: ChunkClaim, mailsDone: boolean): Promise<void> {
  await accountsFinished.rows(database, { ...claim, mailsDone })
}

const accountsFinished = prepare(
  'finish_accounts',
  sql`UPDATE chunks SET owner = NULL, accounts_done = true, mails_done = ${value('mailsDone')} WHERE ${isClaimed}`,
)

/** Releases a locked chunk where no item of it is pending or in flight; false where one is, and nothing was changed. */
export async function finishChunk(database: Queryable, claimed: ClaimedChunk): Promise<boolean> {
  const rows = await chunkFinished.rows(database, { ...claimed })
  return rows.length === 1
}

const chunkFinished = prepare(
  'finish_chunk',
  sql`UPDATE chunks SET owner = NULL, mails_done = true WHERE ${isClaimed} AND accounts_done AND NOT EXISTS (
      SELECT FROM items WHERE session_id = ${value('sessionId')} AND mail_state IN (${sqlList(pendingMailStates)})
        AND position BETWEEN ${value('firstPosition')} AND ${value('lastPosition')}
    ) RETURNING 1`,
)

/**
 * Releases a locked chunk. `isDone` when nothing of it is left to do; otherwise its next run is to begin at `startAfter`, which
 * is when the first of its mails is due but not before `delaySeconds`, or null for at once.
 */
export async function releaseLockedChunk(
  database: Queryable,
  claimed: ClaimedChunk,
  delaySeconds: number,
): Promise<{ isDone: boolean; startAfter: Date | null }> {
  const { sessionId, chunk, firstPosition, lastPosition } = claimed
  const [row] = await rowsOf<{ done: boolean; start_after: string | null }>(
    database,
    sql`UPDATE chunks SET owner = NULL, mails_done = accounts_done AND waiting.mails = 0
      FROM (
        SELECT count(*) AS mails, min(coalesce(next_try_at, now())) AS due FROM items
        WHERE session_id = ${sessionId} AND position BETWEEN ${firstPosition} AND ${lastPosition} AND mail_state = 'pending'
      ) waiting
      WHERE session_id = ${sessionId} AND number = ${chunk}
      RETURNING accounts_done AND mails_done AS done,
        nullif(greatest(waiting.due, now() + make_interval(secs => ${delaySeconds})), now()) AS start_after`,
  )
  const startAfter = row?.start_after ?? null
  return { isDone: row?.done ?? true, startAfter: startAfter === null ? null : new Date(startAfter) }
}

/** Locks a chunk, claimed or not, until the transaction ends; null when the session has no such chunk. */
export async function lockChunk(
  database: Queryable,
  sessionId: string,
  chunk: number,
): Promise<Omit<ClaimedChunk, 'nodeId' | 'fence'> | null> {
  const rows = await rowsOf<{ first_position: number; last_position: number }>(
    database,
    sql`SELECT first_position, last_position FROM chunks WHERE session_id = ${sessionId} AND number = ${chunk} FOR UPDATE`,
  )
  const row = rows[0]
  if (row === undefined) return null
  return { sessionId, chunk, firstPosition: row.first_position, lastPosition: row.last_position }
}

/** Reads the numbers of a session's chunks that are not done. */
export async function unfinishedChunks(database: Queryable, sessionId: string): Promise<number[]> {
  const rows = await rowsOf<{ number: number }>(
    database,
    sql`SELECT number FROM chunks WHERE session_id = ${sessionId} AND NOT (accounts_done AND mails_done) ORDER BY number`,
  )
  return rows.map((row) => row.number)
}
