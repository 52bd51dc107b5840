import { sql, type SQL } from 'drizzle-orm'
import { activeStatuses, finalStatuses, type SessionsQuery } from '@rollcall/shared'
import { rowsOf, type Database } from '../../db/database.ts'
import { pageAfter, type Position } from '../../db/keyset-paging.ts'
import { sqlList } from '../../db/sql-list.ts'
import { likeWord, wordsOf } from '../../db/text.ts'
import { progressSelection } from '../session/advance.queries.ts'
import type { ProgressRow } from '../session/progress.presenter.ts'

/** The columns that the history is ordered by, the newest first. */
const sessionOrder = { created_at: 'time', id: 'text' } as const

/**
 * Reads the sessions of a page, the newest first, and how many the filter leaves in all. One row more than `limit` is read
 * where there is one, which tells that there is a next page.
 */
export async function listSessions(
  database: Database,
  query: SessionsQuery & { limit: number; after: Position | null },
): Promise<{ rows: ProgressRow[]; total: number }> {
  const where = sessionCondition(query)
  const [rows, counted] = await Promise.all([
    rowsOf<ProgressRow>(
      database,
      sql`SELECT ${progressSelection} FROM sessions WHERE ${where} AND ${pageAfter(sessionOrder, 'DESC', query.after)}
        ORDER BY created_at DESC, id DESC LIMIT ${query.limit + 1}`,
    ),
    rowsOf<{ total: number }>(database, sql`SELECT count(*)::int AS total FROM sessions WHERE ${where}`),
  ])
  return { rows, total: counted[0]?.total ?? 0 }
}

function sessionCondition(query: SessionsQuery): SQL {
  const conditions: SQL[] = [sql`true`]
  if (query.active === true) conditions.push(sql`status IN (${sqlList(activeStatuses)})`)
  if (query.active === false) conditions.push(sql`status IN (${sqlList(finalStatuses)})`)
  if (query.status !== undefined) conditions.push(sql`status = ${query.status}`)
  if (query.startedBy !== undefined) conditions.push(sql`started_by_id = ${query.startedBy}`)
  if (query.from !== undefined) conditions.push(sql`created_at >= ${query.from}::timestamptz`)
  if (query.to !== undefined) conditions.push(sql`created_at < ${query.to}::timestamptz`)
  for (const word of wordsOf(query.q)) conditions.push(sql`lower(id || ' ' || started_by_name) ${likeWord(word)}`)
  return sql.join(conditions, sql` AND `)
}
