import { sql } from 'drizzle-orm'
import type { EventType, Person } from '@rollcall/shared'
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

/** Reads the events of each session that come after the event with the given id (0: all), in the order of their ids. */
export async function readEvents(database: Queryable, after: Map<string, number>): Promise<EventRow[]> {
  if (after.size === 0) return []
  return rowsOf<EventRow>(
    database,
    sql`SELECT event.* FROM unnest(${sql.param([...after.keys()])}::text[], ${sql.param([...after.values()])}::bigint[]) AS known(session_id, id)
      JOIN events event ON event.session_id = known.session_id AND event.id > known.id ORDER BY event.id`,
  )
}

/** Reads the id of a session's newest event; 0 where it has none. */
export async function lastEventId(database: Queryable, sessionId: string): Promise<number> {
  const rows = await rowsOf<{ id: string }>(
    database,
    sql`SELECT coalesce(max(id), 0) AS id FROM events WHERE session_id = ${sessionId}`,
  )
  return Number(rows[0]?.id ?? 0)
}

/** True when a session has a `held` event after this one, even if it was resumed since. */
export async function hasHoldEventAfter(database: Queryable, sessionId: string, eventId: number): Promise<boolean> {
  const rows = await rowsOf(
    database,
    sql`SELECT 1 FROM events WHERE session_id = ${sessionId} AND id > ${eventId} AND type = 'held' LIMIT 1`,
  )
  return rows.length === 1
}

/** Stores an event that belongs to no change of status; `advance` stores those that do. */
export async function addEvent(
  database: Queryable,
  event: {
    sessionId: string
    at: Date
    type: EventType
    actor?: Person | null
    cause?: string | null
    details?: Record<string, unknown>
  },
): Promise<void> {
  await database.execute(sql`INSERT INTO events (session_id, at, type, actor_id, actor_name, cause, details)
    VALUES (${event.sessionId}, ${event.at.toISOString()}::timestamptz, ${event.type}, ${event.actor?.id ?? null}, ${event.actor?.name ?? null},
      ${event.cause ?? null}, ${JSON.stringify(event.details ?? {})}::jsonb)`)
}
