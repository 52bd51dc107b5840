import { sql } from 'drizzle-orm'
import type { EventType } from '@rollcall/shared'
import { rowsOf, type Queryable } from '../../db/database.ts'

export interface EventRow {
  [column: string]: unknown
  id: string
  session_id: string
  at: string
  type: EventType
  actor_id: string | null
  actor_name: string | null
  cause: string | null
  details: Record<string, unknown>
}

/** The events of each session after the one with the given id, in their order. */
export async function readEvents(database: Queryable, after: Map<string, number>): Promise<EventRow[]> {
  if (after.size === 0) return []
  return rowsOf<EventRow>(
    database,
    sql`SELECT event.* FROM unnest(${sql.param([...after.keys()])}::text[], ${sql.param([...after.values()])}::bigint[]) AS known(session_id, id)
      JOIN events event ON event.session_id = known.session_id AND event.id > known.id ORDER BY event.id`,
  )
}

/** The id of a session's newest event; 0 when it has none. */
export async function lastEventId(database: Queryable, sessionId: string): Promise<number> {
  const rows = await rowsOf<{ id: string }>(
    database,
    sql`SELECT coalesce(max(id), 0) AS id FROM events WHERE session_id = ${sessionId}`,
  )
  return Number(rows[0]?.id ?? 0)
}

/** True when a session was held after this event, whatever became of it since. */
export async function wasHeldAfter(database: Queryable, sessionId: string, eventId: number): Promise<boolean> {
  const rows = await rowsOf(
    database,
    sql`SELECT 1 FROM events WHERE session_id = ${sessionId} AND id > ${eventId} AND type = 'held' LIMIT 1`,
  )
  return rows.length === 1
}
