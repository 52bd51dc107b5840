import { setTimeout as wait } from 'node:timers/promises'
import { Client } from 'pg'

/** Any number that nothing else locks in this PostgreSQL. */
const lockNumber = 7_665_001

const applicationName = (pid: number) => `rollcall owner, process ${pid}`

/** That this process, and no other, uses a data folder. PostgreSQL takes it back by itself when the process dies. */
export interface Ownership {
  /** False once the connection that carries it is lost. */
  isHeld(): boolean
  release(): Promise<void>
}

/**
 * Takes an advisory lock on a connection that stays open.
 * Throws an Error with one sentence where another process has it for longer than the moments that a dying one takes.
 */
export async function takeOwnership(url: string, home: string): Promise<Ownership> {
  const client = new Client({ connectionString: url, application_name: applicationName(process.pid) })
  let held = true
  client.on('error', () => (held = false))
  client.on('end', () => (held = false))
  await client.connect()
  try {
    await lock(client, home)
  } catch (error) {
    await client.end()
    throw error
  }
  return { isHeld: () => held, release: () => client.end() }
}

async function lock(client: Client, home: string): Promise<void> {
  const deadline = Date.now() + 1_500
  for (;;) {
    const { rows } = await client.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [lockNumber])
    if (rows[0]?.locked) return
    if (Date.now() > deadline) break
    await wait(50)
  }
  const { rows } = await client.query<{ name: string }>(
    `SELECT a.application_name AS name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
     WHERE l.locktype = 'advisory' AND l.classid = 0 AND l.objid = $1 AND l.granted`,
    [lockNumber],
  )
  const owner = /process \d+/.exec(rows[0]?.name ?? '')?.[0] ?? 'another process'
  throw new Error(
    `Rollcall already runs on ${home} (${owner}): stop that one first, or set DATA_DIR to another folder.`,
  )
}
