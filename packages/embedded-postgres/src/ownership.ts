import { setTimeout as wait } from 'node:timers/promises'
import { Client } from 'pg'
import { type Cluster, urlOf } from './cluster.ts'

/** The number of the advisory lock. Nothing else takes locks in the database `postgres` of this cluster. */
const lockNumber = 7_665_001

/** A process that was killed holds its lock until PostgreSQL notices the closed connection; that takes moments. */
const patienceMilliseconds = 1_500

/** The right of this process, and of no other, to use a cluster. PostgreSQL takes it back by itself when the process dies. */
export interface Ownership {
  /** False once the connection with the lock is lost. */
  isHeld(): boolean
  release(): Promise<void>
}

/**
 * Takes an advisory lock on a connection that stays open.
 * Throws an Error with one sentence where another process keeps it for more than a second and a half.
 */
export async function takeOwnership(cluster: Cluster, port: number): Promise<Ownership> {
  const client = new Client({
    connectionString: urlOf(cluster, port, 'postgres'),
    application_name: `${cluster.application.database} owner, process ${process.pid}`,
  })
  let held = true
  client.on('error', () => (held = false))
  client.on('end', () => (held = false))
  await client.connect()
  try {
    await lock(client, cluster)
  } catch (error) {
    await client.end()
    throw error
  }
  return { isHeld: () => held, release: () => client.end() }
}

async function lock(client: Client, { application, paths }: Cluster): Promise<void> {
  const deadline = Date.now() + patienceMilliseconds
  for (;;) {
    const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [lockNumber])
    if (rows[0]?.locked) return
    if (Date.now() > deadline) break
    await wait(50)
  }
  throw new Error(
    `${application.name} already runs on ${paths.home} (${await ownerOf(client)}): stop that one first, or set ${application.settings.dataDirectory} to another folder.`,
  )
}

async function ownerOf(client: Client): Promise<string> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT a.application_name AS name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
     WHERE l.locktype = 'advisory' AND l.classid = 0 AND l.objid = $1 AND l.granted`,
    [lockNumber],
  )
  return /process \d+/.exec(rows[0]?.name ?? '')?.[0] ?? 'another process'
}
