import type { Database } from '../../db/database.ts'
import { DomainError } from '../../errors.ts'
import { readSession, type SessionRow } from './sessions.queries.ts'

/** Reads a session; throws SESSION_NOT_FOUND where no session has this id. */
export async function existingSession(database: Database, sessionId: string): Promise<SessionRow> {
  const session = await readSession(database, sessionId)
  if (session === null) throw sessionNotFound()
  return session
}

/** Returns the error for a session id that no session has. */
export function sessionNotFound(): DomainError {
  return new DomainError('SESSION_NOT_FOUND', 'No session has this id.')
}
