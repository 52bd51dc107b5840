import type { List, Progress, SessionsQuery } from '@rollcall/shared'
import type { Database } from '../../db/database.ts'
import { cutPage, positionOf } from '../../db/keyset-paging.ts'
import { isoTime, presentProgress } from '../session/progress.presenter.ts'
import { listSessions } from './session-list.queries.ts'

const defaultLimit = 100

/** Returns a page of the history of sessions, the newest first. Throws BAD_CURSOR. */
export async function pageOfSessions(database: Database, query: SessionsQuery): Promise<List<Progress>> {
  const limit = query.limit ?? defaultLimit
  const { rows, total } = await listSessions(database, {
    ...query,
    limit,
    after: positionOf(query.cursor, ['time', 'text']),
  })
  const { page, nextCursor } = cutPage(rows, limit, (row) => [isoTime(row.created_at), row.id])
  return { items: page.map(presentProgress), nextCursor, total }
}
