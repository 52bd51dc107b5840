import type { Progress } from '@rollcall/shared'
import type { Database } from '../../db/database.ts'
import { DomainError } from '../../errors.ts'
import { presentProgress } from '../session/progress.presenter.ts'
import { readActiveProgress, readProgress } from '../session/progress.queries.ts'

/** The list of active sessions has at most this many, so that it stays small enough to be sent again with every change. */
const activeLimit = 200

/** Returns the latest progress of a session. Throws SESSION_NOT_FOUND, with the words of the contract. */
export async function latestProgress(database: Database, sessionId: string): Promise<Progress> {
  const [row] = await readProgress(database, [sessionId])
  if (row === undefined) throw new DomainError('SESSION_NOT_FOUND', 'No active activation session found')
  return presentProgress(row)
}

/** Returns the progress of every session that is not final, the newest first, at most `activeLimit` of them. */
export async function activeProgress(database: Database): Promise<Progress[]> {
  return (await readActiveProgress(database, activeLimit)).map(presentProgress)
}
