import type { Progress, SessionDetail } from '@rollcall/shared'
import type { Database } from '../../db/database.ts'
import { presentEvent } from '../session/events.presenter.ts'
import { readEvents } from '../session/events.queries.ts'
import { presentProgress } from '../session/progress.presenter.ts'
import { readSnapshots } from '../session/progress.queries.ts'
import { existingSession } from '../session/session.usecases.ts'

/** So many snapshots are given where nobody asks for another number. */
const defaultSnapshots = 500

/** Returns everything that is stored of a session but its items and snapshots. Throws SESSION_NOT_FOUND. */
export async function sessionDetail(database: Database, sessionId: string): Promise<SessionDetail> {
  const session = await existingSession(database, sessionId)
  const events = await readEvents(database, new Map([[sessionId, 0]]))
  const progress = presentProgress(session)
  return {
    progress,
    options: session.options,
    selection: session.selection,
    startedBy: progress.startedBy,
    events: events.map(presentEvent),
  }
}

/** Returns the stored snapshots of a session, the oldest first, thinned evenly to `limit`. Throws SESSION_NOT_FOUND. */
export async function snapshotsOf(
  database: Database,
  sessionId: string,
  limit: number | undefined,
): Promise<{ items: Progress[] }> {
  await existingSession(database, sessionId)
  return { items: (await readSnapshots(database, sessionId, limit ?? defaultSnapshots)).map(presentProgress) }
}
