import { sql } from 'drizzle-orm'
import type { Client } from 'pg'
import { rowsOf, type Database } from '../db/database.ts'

/** A node is dead when its last heartbeat is older than this. */
const deadAfterSeconds = 5
/** A node whose connection has ended is dead when its last heartbeat is older than this. A node that is alive connects again sooner. */
const disconnectedAfterSeconds = 1.2
/** After the database was away, every node has this long to store a heartbeat again before any node is declared dead. */
export const graceSeconds = 3

/** The name of the connection that a node keeps open; `declareDeadNodes` looks for it among PostgreSQL's backends. */
export function connectionName(nodeId: string): string {
  return `rollcall node ${nodeId}`
}

/** Registers a node or stores its heartbeat, over the connection that it keeps open. False: the node was declared dead. */
export async function storeHeartbeat(connection: Client, node: { id: string; name: string }): Promise<boolean> {
  const { rows } = await connection.query(
    `INSERT INTO nodes (id, name, backend_pid) VALUES ($1, $2, pg_backend_pid())
     ON CONFLICT (id) DO UPDATE SET beat_at = now(), backend_pid = pg_backend_pid() WHERE nodes.dead_at IS NULL
     RETURNING id`,
    [node.id, node.name],
  )
  return rows.length > 0
}

/** Marks a node dead that ends on its own, so that no other node waits for it. */
export async function markDead(connection: Client, nodeId: string): Promise<void> {
  await connection.query('UPDATE nodes SET dead_at = now() WHERE id = $1', [nodeId])
}

/** Marks every other node dead whose heartbeat is too old, or whose connection has ended and whose heartbeat is not new. */
export async function declareDeadNodes(database: Database, ownId: string): Promise<void> {
  await rowsOf(
    database,
    sql`UPDATE nodes SET dead_at = now() WHERE dead_at IS NULL AND id <> ${ownId}::uuid
      AND pg_postmaster_start_time() < now() - make_interval(secs => ${graceSeconds}) AND (
      beat_at < now() - make_interval(secs => ${deadAfterSeconds})
      OR (beat_at < now() - make_interval(secs => ${disconnectedAfterSeconds}) AND NOT EXISTS (
        SELECT FROM pg_stat_activity WHERE pid = nodes.backend_pid AND application_name = ${connectionName('')}::text || nodes.id
      ))
    )`,
  )
}

/** Deletes nodes that have been dead for a day and own no chunk. */
export async function deleteOldNodes(database: Database): Promise<void> {
  await rowsOf(
    database,
    sql`DELETE FROM nodes WHERE dead_at < now() - interval '1 day' AND NOT EXISTS (SELECT FROM chunks WHERE owner = nodes.id)`,
  )
}
