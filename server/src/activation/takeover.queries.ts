import { sql } from 'drizzle-orm'
import { rowsOf, type Queryable } from '../db/database.ts'

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

/** Takes the chunks of a session from a dead node; their locks keep its late writes out until the fence has grown. */
export async function freeChunks(database: Queryable, sessionId: string, nodeId: string): Promise<number[]> {
  const rows = await rowsOf<{ number: number }>(
    database,
    sql`WITH held AS MATERIALIZED (
      SELECT session_id, number FROM chunks WHERE session_id = ${sessionId} AND owner = ${nodeId}::uuid ORDER BY number FOR UPDATE
    )
    UPDATE chunks SET owner = NULL, fence = fence + 1 FROM held
    WHERE chunks.session_id = held.session_id AND chunks.number = held.number RETURNING chunks.number`,
  )
  return rows.map((row) => row.number)
}

/** Settles the mails of these chunks that were past the gate; gives how many there were. */
export async function settleInFlight(
  database: Queryable,
  sessionId: string,
  chunkNumbers: number[],
  state: 'pending' | 'unconfirmed',
): Promise<number> {
  const rows = await rowsOf<{ items: number }>(
    database,
    sql`WITH settled AS (
      UPDATE items SET mail_state = ${state}, mail_reason = 'worker_lost', tries = tries + 1,
        settled_by = CASE WHEN ${state} = 'unconfirmed' THEN 'takeover' END
      FROM chunks chunk
      WHERE chunk.session_id = ${sessionId} AND chunk.number = ANY(${sql.param(chunkNumbers)}::int[])
        AND items.session_id = chunk.session_id AND items.position BETWEEN chunk.first_position AND chunk.last_position
        AND items.mail_state = 'sending'
      RETURNING 1
    ) SELECT count(*)::int AS items FROM settled`,
  )
  return rows[0]?.items ?? 0
}
