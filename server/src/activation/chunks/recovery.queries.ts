import { sql } from 'drizzle-orm'
import { runningStatuses } from '@rollcall/shared'
import { rowsOf, type Queryable } from '../../db/database.ts'
import { sqlList } from '../../db/sql-list.ts'
import { queues } from '../../jobs/queues.ts'
import { hasUnfinishedJob } from '../../vendor/pg-boss.ts'
import type { Phase } from '../session/waiting-chunks.queries.ts'

/** Reads the sessions and nodes of orphaned claims, which are those of nodes that were marked dead. */
export async function orphanedClaims(
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
 * Reads the chunks of running sessions that have work, that nobody has claimed, and that no job names; at most 1,000. Every
 * use case puts the jobs for the work that it leaves, so a chunk that is found here is a sign of a mistake.
 */
export async function chunksWithoutJob(
  database: Queryable,
): Promise<{ sessionId: string; number: number; phase: Phase; mailNotBefore: string | null }[]> {
  const hasJob = hasUnfinishedJob([queues.accounts, queues.mails], sql`chunk.session_id`, sql`chunk.number`)
  return rowsOf(
    database,
    sql`SELECT chunk.session_id AS "sessionId", chunk.number, CASE WHEN chunk.accounts_done THEN 'mails' ELSE 'accounts' END AS phase,
        session.mail_not_before AS "mailNotBefore"
      FROM sessions session JOIN chunks chunk ON chunk.session_id = session.id
      WHERE session.status IN (${sqlList(runningStatuses)}) AND chunk.owner IS NULL AND NOT (chunk.accounts_done AND chunk.mails_done)
        AND NOT ${hasJob}
      ORDER BY session.created_at, chunk.number LIMIT 1000`,
  )
}

/**
 * Ends the claims of a node on chunks of a session; resolves to the chunks, with the phase that each is in. The fence grows, so
 * the node writes nothing any more, should it wake up.
 */
export async function endClaimsOf(
  database: Queryable,
  sessionId: string,
  nodeId: string,
): Promise<{ number: number; phase: Phase }[]> {
  return rowsOf(
    database,
    sql`WITH orphaned AS MATERIALIZED (
      SELECT session_id, number FROM chunks WHERE session_id = ${sessionId} AND owner = ${nodeId}::uuid ORDER BY number FOR UPDATE
    )
    UPDATE chunks SET owner = NULL, fence = fence + 1 FROM orphaned
    WHERE chunks.session_id = orphaned.session_id AND chunks.number = orphaned.number
    RETURNING chunks.number, CASE WHEN chunks.accounts_done THEN 'mails' ELSE 'accounts' END AS phase`,
  )
}
