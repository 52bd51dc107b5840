import { sql } from 'drizzle-orm'
import { rowsOf, type Queryable } from '../../db/database.ts'

/** What a worker does to a chunk: first its accounts, then its mails. */
export type Phase = 'accounts' | 'mails'

/** The chunks of a session that nobody has claimed and that are not done, with the phase that is next for them. */
export async function waitingChunks(
  database: Queryable,
  sessionId: string,
): Promise<{ number: number; phase: Phase }[]> {
  return rowsOf<{ number: number; phase: Phase }>(
    database,
    sql`SELECT number, CASE WHEN accounts_done THEN 'mails' ELSE 'accounts' END AS phase FROM chunks
      WHERE session_id = ${sessionId} AND owner IS NULL AND NOT (accounts_done AND mails_done) ORDER BY number`,
  )
}
