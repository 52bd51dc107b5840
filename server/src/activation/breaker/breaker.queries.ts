import { sql } from 'drizzle-orm'
import type { HoldReason } from '@rollcall/shared'
import { rowsOf, type Queryable, type Transaction } from '../../db/database.ts'

/** Seconds until the first probe; each further one comes after twice the time, up to the longest. */
const firstProbeSeconds = 5
const longestProbeSeconds = 300

/** True when a mail server is not to be tried for now. */
export async function isServerHeld(database: Queryable, server: string): Promise<boolean> {
  const rows = await rowsOf(database, sql`SELECT 1 FROM mail_server_holds WHERE server = ${server}`)
  return rows.length === 1
}

/** Why a mail server is held, which it stays until the transaction ends; null when it may be tried. */
export async function lockServerHold(
  database: Transaction,
  server: string,
): Promise<{ reason: HoldReason; heard: string | null } | null> {
  const rows = await rowsOf<{ reason: HoldReason; heard: string | null }>(
    database,
    sql`SELECT reason, heard FROM mail_server_holds WHERE server = ${server} FOR SHARE`,
  )
  return rows[0] ?? null
}

/** Holds a mail server for all nodes; one that is held already keeps its reason and the time of its next probe. */
export async function holdServer(
  database: Queryable,
  hold: { server: string; reason: HoldReason; heard: string | null },
): Promise<void> {
  await database.execute(sql`INSERT INTO mail_server_holds (server, reason, heard, held_at, next_probe_at, probe_seconds)
    VALUES (${hold.server}, ${hold.reason}, ${hold.heard}, now(), now() + make_interval(secs => ${firstProbeSeconds}), ${firstProbeSeconds})
    ON CONFLICT (server) DO NOTHING`)
}

/** True for the one node that is to probe now. A server that needs a person is never probed. */
export async function claimProbe(database: Queryable, server: string): Promise<boolean> {
  const rows = await rowsOf(
    database,
    sql`UPDATE mail_server_holds SET probe_seconds = least(probe_seconds * 2, ${longestProbeSeconds}::int),
        next_probe_at = now() + make_interval(secs => least(probe_seconds * 2, ${longestProbeSeconds}::int))
      WHERE server = ${server} AND reason = 'mail_server_down' AND next_probe_at <= now() RETURNING server`,
  )
  return rows.length === 1
}

/** Lets a mail server be tried again, or every one of them. */
export async function freeServers(database: Queryable, server?: string): Promise<void> {
  await database.execute(
    server === undefined
      ? sql`DELETE FROM mail_server_holds`
      : sql`DELETE FROM mail_server_holds WHERE server = ${server}`,
  )
}
