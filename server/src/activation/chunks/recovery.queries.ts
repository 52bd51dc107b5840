import { sql } from 'drizzle-orm'
import type { MailReason } from '@rollcall/shared'
import { rowsOf, type Queryable } from '../../db/database.ts'
import { queues } from '../../jobs/queues.ts'
import { hasUnfinishedJob } from '../../vendor/pg-boss.ts'
import type { Phase } from '../session/waiting-chunks.queries.ts'

/** Sessions in which nodes that were marked dead hold chunks. */
export async function abandonedChunks(
  database: Queryable,
): Promise<{ sessionId: string; nodeId: string; nodeName: string }[]> {
  return rowsOf(
    database,
    sql`SELECT DISTINCT chunk.session_id AS "sessionId", node.id AS "nodeId", node.name AS "nodeName"
      FROM chunks chunk JOIN nodes node ON node.id = chunk.owner
      WHERE chunk.owner IS NOT NULL AND node.dead_at IS NOT NULL`,
  )
}

/**
 * Chunks of running sessions that have work, that nobody holds, and that no job names. There are none while the rules
 * for jobs are kept; this is what notices that they were not.
 */
export async function strandedChunks(
  database: Queryable,
): Promise<{ sessionId: string; number: number; phase: Phase; mailNotBefore: string | null }[]> {
  const hasJob = hasUnfinishedJob([queues.accounts, queues.mails], sql`chunk.session_id`, sql`chunk.number`)
  return rowsOf(
    database,
    sql`SELECT chunk.session_id AS "sessionId", chunk.number, CASE WHEN chunk.accounts_done THEN 'mails' ELSE 'accounts' END AS phase,
        session.mail_not_before AS "mailNotBefore"
      FROM sessions session JOIN chunks chunk ON chunk.session_id = session.id
      WHERE session.status IN ('queued', 'running') AND chunk.owner IS NULL AND NOT (chunk.accounts_done AND chunk.mails_done)
        AND NOT ${hasJob}
      ORDER BY session.created_at, chunk.number LIMIT 1000`,
  )
}

/** Takes the chunks of a session from a dead node; gives them with the phase that each is in. The fence keeps late writes out. */
export async function freeChunks(
  database: Queryable,
  sessionId: string,
  nodeId: string,
): Promise<{ number: number; phase: Phase }[]> {
  return rowsOf(
    database,
    sql`WITH held AS MATERIALIZED (
      SELECT session_id, number FROM chunks WHERE session_id = ${sessionId} AND owner = ${nodeId}::uuid ORDER BY number FOR UPDATE
    )
    UPDATE chunks SET owner = NULL, fence = fence + 1 FROM held
    WHERE chunks.session_id = held.session_id AND chunks.number = held.number
    RETURNING chunks.number, CASE WHEN chunks.accounts_done THEN 'mails' ELSE 'accounts' END AS phase`,
  )
}

/** Settles the mails of these locked chunks that are past the gate without an outcome; gives how many there were. */
export async function settleInFlight(
  database: Queryable,
  sessionId: string,
  chunkNumbers: number[],
  outcome: { state: 'pending' | 'unconfirmed'; reason: MailReason },
): Promise<number> {
  const settledBy = outcome.state === 'unconfirmed' ? 'takeover' : null
  const rows = await rowsOf<{ items: number }>(
    database,
    sql`WITH settled AS (
      UPDATE items SET mail_state = ${outcome.state}, mail_reason = ${outcome.reason}, tries = tries + 1, settled_by = ${settledBy},
        in_doubt = true
      FROM chunks chunk
      WHERE chunk.session_id = ${sessionId} AND chunk.number = ANY(${sql.param(chunkNumbers)}::int[])
        AND items.session_id = chunk.session_id AND items.position BETWEEN chunk.first_position AND chunk.last_position
        AND items.mail_state = 'sending'
      RETURNING 1
    ) SELECT count(*)::int AS items FROM settled`,
  )
  return rows[0]?.items ?? 0
}
