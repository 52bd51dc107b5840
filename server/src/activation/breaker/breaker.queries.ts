import { sql } from 'drizzle-orm'
import type { HoldReason } from '@rollcall/shared'
import { rowsOf, type Queryable, type Transaction } from '../../db/database.ts'

/** Seconds until the first probe. Each further probe comes after twice the time of the one before, up to the longest. */
const firstProbeSeconds = 5
const longestProbeSeconds = 300

/** True while the breaker of a mail server is open: no session tries the server. */
export async function isBreakerOpen(database: Queryable, server: string): Promise<boolean> {
  const rows = await rowsOf(database, sql`SELECT 1 FROM mail_server_holds WHERE server = ${server}`)
  return rows.length === 1
}

/**
 * Reads why the breaker of a mail server is open, and locks it, so that it stays open until the transaction ends; null
 * where it is closed.
 */
export async function lockOpenBreaker(
  database: Transaction,
  server: string,
): Promise<{ reason: HoldReason; heard: string | null } | null> {
  const rows = await rowsOf<{ reason: HoldReason; heard: string | null }>(
    database,
    sql`SELECT reason, heard FROM mail_server_holds WHERE server = ${server} FOR SHARE`,
  )
  return rows[0] ?? null
}

/** Opens the breaker of a mail server for all nodes. One that is open already keeps its reason and the time of its next probe. */
export async function openBreaker(
  database: Queryable,
  breaker: { server: string; reason: HoldReason; heard: string | null },
): Promise<void> {
  await database.execute(sql`INSERT INTO mail_server_holds (server, reason, heard, held_at, next_probe_at, probe_seconds)
    VALUES (${breaker.server}, ${breaker.reason}, ${breaker.heard}, now(), now() + make_interval(secs => ${firstProbeSeconds}), ${firstProbeSeconds})
    ON CONFLICT (server) DO NOTHING`)
}

/**
 * Claims the next probe of a mail server (the breaker is half-open): true for one node where a probe is due. A server that
 * was held for another reason than `mail_server_down` needs a person and is never probed.
 */
export async function claimProbe(database: Queryable, server: string): Promise<boolean> {
  const rows = await rowsOf(
    database,
    sql`UPDATE mail_server_holds SET probe_seconds = least(probe_seconds * 2, ${longestProbeSeconds}::int),
        next_probe_at = now() + make_interval(secs => least(probe_seconds * 2, ${longestProbeSeconds}::int))
      WHERE server = ${server} AND reason = 'mail_server_down' AND next_probe_at <= now() RETURNING server`,
  )
  return rows.length === 1
}

/** Closes the breaker of a mail server, so that sessions may try the server again. */
export async function closeBreaker(database: Queryable, server: string): Promise<void> {
  await database.execute(sql`DELETE FROM mail_server_holds WHERE server = ${server}`)
}

/** Closes the breakers of all mail servers. */
export async function closeAllBreakers(database: Queryable): Promise<void> {
  await database.execute(sql`DELETE FROM mail_server_holds`)
}
