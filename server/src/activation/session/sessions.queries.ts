import { sql } from 'drizzle-orm'
import { transitions, type HoldReason, type Selection, type SessionOptions } from '@rollcall/shared'
import { rowsOf, type Queryable, type Transaction } from '../../db/database.ts'
import { sqlList } from '../../db/sql-list.ts'
import type { ProgressRow } from './progress.presenter.ts'
import type { SessionTemplate } from './template.ts'

/** A row of `sessions`, as SQL gives it, without the columns that only statements use. */
export interface SessionRow extends ProgressRow {
  selection: Selection
  options: SessionOptions
  request_digest: string
  template: SessionTemplate
  mail_not_before: string | null
  canary: number | null
}

/** Reads a session; null where no session has this id. */
export async function readSession(database: Queryable, sessionId: string): Promise<SessionRow | null> {
  const rows = await rowsOf<SessionRow>(database, sql`SELECT * FROM sessions WHERE id = ${sessionId}`)
  return rows[0] ?? null
}

/** Reads a session and locks its row until the transaction ends; null where no session has this id. */
export async function lockSession(transaction: Transaction, sessionId: string): Promise<SessionRow | null> {
  const rows = await rowsOf<SessionRow>(
    transaction,
    sql`SELECT * FROM sessions WHERE id = ${sessionId} FOR NO KEY UPDATE`,
  )
  return rows[0] ?? null
}

/** Reads the ids of the sessions that are held for this reason, the oldest first. */
export async function sessionsHeldFor(database: Queryable, reason: HoldReason): Promise<string[]> {
  const rows = await rowsOf<{ id: string }>(
    database,
    sql`SELECT id FROM sessions WHERE status = 'held' AND reason = ${reason} ORDER BY created_at, id`,
  )
  return rows.map((row) => row.id)
}

/**
 * Notes that a person resumes a stopped session knowing its first mails and its failures so far, so that it does not hold
 * for these again.
 */
export async function acceptCanaryAndFailures(database: Queryable, sessionId: string): Promise<void> {
  await database.execute(
    sql`UPDATE sessions SET canary = CASE WHEN mails_sent < canary THEN canary END, failures_accepted = mails_failed
      WHERE id = ${sessionId} AND status IN (${sqlList(transitions.resume.from)})`,
  )
}

/** Lowers the number of accepted failures to the number of failures, after a retry made failed mails pending again. */
export async function capAcceptedFailures(database: Queryable, sessionId: string): Promise<void> {
  await database.execute(
    sql`UPDATE sessions SET failures_accepted = mails_failed WHERE id = ${sessionId} AND failures_accepted > mails_failed`,
  )
}

/**
 * Counts the delay before the first mail from now where the session begins only now, whenever it was to begin. A session
 * that began earlier keeps the time that is stored.
 */
export async function restartMailDelay(database: Queryable, sessionId: string, now: Date): Promise<void> {
  const time = sql`${now.toISOString()}::timestamptz`
  await database.execute(
    sql`UPDATE sessions SET mail_not_before = ${time} + make_interval(secs => (options->>'delaySeconds')::int)
      WHERE id = ${sessionId} AND mail_not_before IS NOT NULL AND coalesce(started_at, ${time}) = ${time}`,
  )
}
