import { sql } from 'drizzle-orm'
import { activeStatuses } from '@rollcall/shared'
import { rowsOf, type Queryable } from '../../db/database.ts'
import { sqlList } from '../../db/sql-list.ts'
import { progressColumns, progressSelection } from './advance.queries.ts'
import type { ProgressRow } from './progress.presenter.ts'

/** Reads the progress of these sessions, in no order; an unknown id is left out. */
export async function readProgress(database: Queryable, sessionIds: readonly string[]): Promise<ProgressRow[]> {
  return rowsOf<ProgressRow>(
    database,
    sql`SELECT ${progressSelection} FROM sessions WHERE id = ANY(${sql.param([...sessionIds])}::text[])`,
  )
}

/** Reads the progress of the newest `limit` sessions that are not final, the newest first. */
export async function readActiveProgress(database: Queryable, limit: number): Promise<ProgressRow[]> {
  return rowsOf<ProgressRow>(
    database,
    sql`SELECT ${progressSelection} FROM sessions WHERE status IN (${sqlList(activeStatuses)})
      ORDER BY created_at DESC, id DESC LIMIT ${limit}`,
  )
}

/**
 * Reads the stored snapshots of a session, the oldest first. Where there are more than `limit`, they are thinned evenly,
 * and the first and the last stay.
 */
export async function readSnapshots(database: Queryable, sessionId: string, limit: number): Promise<ProgressRow[]> {
  return rowsOf<ProgressRow>(
    database,
    sql`WITH numbered AS (
      SELECT snapshot.*, row_number() OVER (ORDER BY version) - 1 AS ordinal, count(*) OVER () AS stored
      FROM snapshots snapshot WHERE session_id = ${sessionId}
    )
    SELECT session.id, session.total, session.started_by_id, session.started_by_name, session.created_at,
      ${sql.raw(progressColumns.map((column) => `numbered.${column}`).join(', '))}
    FROM numbered JOIN sessions session ON session.id = numbered.session_id
    WHERE stored <= ${limit}
      OR (${limit} = 1 AND ordinal = stored - 1)
      OR (${limit} > 1 AND (ordinal = 0 OR (ordinal * (${limit}::bigint - 1)) / (stored - 1) > ((ordinal - 1) * (${limit}::bigint - 1)) / (stored - 1)))
    ORDER BY numbered.version`,
  )
}
