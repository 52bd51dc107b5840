import { sql, type SQL } from 'drizzle-orm'
import { rowsOf, type Queryable } from '../../db/database.ts'

/** Seconds between two stored snapshots, and between two measurements of the rate. */
export const snapshotSeconds = 1
/** A measurement after a longer gap says nothing of the present rate. */
const rateGapSeconds = 15

/**
 * Renders the assignments by which `advance` measures the rate: with each snapshot (`isDue`) of a session that was running
 * and still is (`status`, the new one), from the mails tried since the last measurement, smoothed. The rate becomes null
 * when the session stops. The statement calls the row before the change `session`.
 */
export function rateAssignments(options: { time: SQL; status: SQL; isDue: SQL; mailsTried: SQL }): SQL {
  const { time, status, isDue, mailsTried } = options
  const seconds = sql`extract(epoch FROM ${time} - session.snapshot_at)`
  // A retry makes mails pending again and so lowers the number of mails tried; that is no negative speed.
  const measured = sql`(greatest(${mailsTried} - session.rate_done, 0) / ${seconds})`
  const isRunning = sql`${status} = 'running' AND session.status = 'running'`
  const isUsable = sql`${seconds} BETWEEN ${snapshotSeconds} AND ${rateGapSeconds}`
  return sql`rate = CASE WHEN NOT (${isRunning}) THEN NULL WHEN NOT ${isDue} THEN session.rate
      WHEN NOT (${isUsable}) OR (session.rate IS NULL AND ${measured} = 0) THEN NULL WHEN session.rate IS NULL THEN ${measured} ELSE session.rate * 0.7 + ${measured} * 0.3 END,
    rate_samples = CASE WHEN NOT (${isRunning}) THEN 0 WHEN NOT ${isDue} THEN session.rate_samples
      WHEN NOT (${isUsable}) OR (session.rate IS NULL AND ${measured} = 0) THEN 0 ELSE least(session.rate_samples + 1, 1000) END,
    rate_done = CASE WHEN ${isDue} THEN ${mailsTried} ELSE least(session.rate_done, ${mailsTried}) END`
}

/**
 * Clears the rate of running sessions that have not changed for `rateGapSeconds`, because all their mails wait for a next
 * try: the time that is left cannot be told from it. Returns the ids of these sessions.
 */
export async function clearOutdatedRates(database: Queryable, now: Date): Promise<string[]> {
  const rows = await rowsOf<{ id: string }>(
    database,
    sql`UPDATE sessions SET rate = NULL, rate_samples = 0, version = version + 1, updated_at = ${now.toISOString()}::timestamptz
      WHERE id IN (
        SELECT id FROM sessions WHERE status = 'running' AND rate IS NOT NULL
          AND updated_at < ${now.toISOString()}::timestamptz - make_interval(secs => ${rateGapSeconds})
        ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
      ) RETURNING id`,
  )
  return rows.map((row) => row.id)
}
