import type { Progress, SessionEvent } from '@rollcall/shared'
import type { Database } from '../../db/database.ts'
import { readProgress } from '../session/progress.queries.ts'
import { activeProgress } from './progress.usecases.ts'
import { presentEvent } from '../session/events.presenter.ts'
import { lastEventId, readEvents } from '../session/events.queries.ts'
import { presentProgress } from '../session/progress.presenter.ts'

/** What the rooms of the live connection read of sessions. */
export interface LiveProgress {
  /** Reads the progress of these sessions; an id that no session has is left out. */
  progress(sessionIds: string[]): Promise<Progress[]>
  /** Reads the progress of all sessions that are not over. */
  active(): Promise<Progress[]>
  /** Reads the events after the given one of each session, in their order. */
  events(after: Map<string, number>): Promise<{ sessionId: string; id: number; event: SessionEvent }[]>
  /** Reads the id of a session's newest event; 0 when it has none. */
  lastEventId(sessionId: string): Promise<number>
}

/** Reads what rooms need of sessions from the database. */
export function createLiveProgress(database: Database): LiveProgress {
  return {
    progress: async (sessionIds) => (await readProgress(database, sessionIds)).map(presentProgress),
    active: () => activeProgress(database),
    events: async (after) =>
      (await readEvents(database, after)).map((row) => ({
        sessionId: row.session_id,
        id: Number(row.id),
        event: presentEvent(row),
      })),
    lastEventId: (sessionId) => lastEventId(database, sessionId),
  }
}
