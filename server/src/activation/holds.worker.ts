import { setTimeout as wait } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { rowsOf, type Database } from '../db/database.ts'
import { recoverSession } from './levers.usecases.ts'
import type { WorkerParts } from './worker-parts.ts'

const firstProbe = 5000
const longestBetweenProbes = 5 * 60_000

/**
 * While sessions are held because the mail server cannot be reached, tries it with one connection, first after 5 s, then
 * less and less often, to once in 5 min; when it answers, the sessions go on.
 */
export function watchHolds(parts: WorkerParts): { close(): void } {
  const closing = new AbortController()
  void watch()

  async function watch(): Promise<void> {
    let delay = firstProbe
    while (!closing.signal.aborted) {
      await wait(delay, undefined, { signal: closing.signal, ref: false }).catch(() => undefined)
      if (closing.signal.aborted) return
      try {
        const held = await sessionsHeldByServer(parts.database)
        const answered = held.length > 0 && (await parts.sender.probe()).kind === 'ready'
        if (answered)
          for (const id of held) await recoverSession(parts, id, 'mail_server_down', 'The mail server answers again.')
        delay = held.length === 0 || answered ? firstProbe : Math.min(delay * 2, longestBetweenProbes)
      } catch (error) {
        parts.logger.warn({ err: error }, 'held sessions could not be looked at and will be again')
      }
    }
  }

  return { close: () => closing.abort() }
}

async function sessionsHeldByServer(database: Database): Promise<string[]> {
  const rows = await rowsOf<{ id: string }>(
    database,
    sql`SELECT id FROM sessions WHERE status = 'held' AND reason = 'mail_server_down' ORDER BY created_at`,
  )
  return rows.map((row) => row.id)
}
