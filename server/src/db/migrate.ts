import path from 'node:path'
import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate } from 'drizzle-orm/node-postgres/migrator'
import { Client, type Pool } from 'pg'
import { PgBoss } from 'pg-boss'
import { createQueues } from '../jobs/queues.ts'
import { jobSchema } from '../vendor/pg-boss.ts'

const folder = path.join(import.meta.dirname, '../../migrations')

/** Any number of Rollcalls may start at once: the first migrates, the others wait for it. */
const migrationLock = 7_021_970_201

/**
 * Brings a database to the state that this code wants: Rollcall's tables and those of the jobs. Safe to run at every
 * start and by several processes at once. Throws where the server is older than PostgreSQL 18.
 */
export async function migrateDatabase(url: string): Promise<void> {
  const client = new Client({ connectionString: url, application_name: 'rollcall migrate' })
  await client.connect()
  try {
    await refuseOldServer(client)
    await client.query('SELECT pg_advisory_lock($1)', [migrationLock])
    await migrate(drizzle(client), { migrationsFolder: folder })
    const boss = new PgBoss({ connectionString: url, schema: jobSchema, supervise: false, schedule: false, max: 2 })
    boss.on('error', () => undefined)
    await boss.start()
    await createQueues(boss)
    await boss.stop({ graceful: false })
  } finally {
    await client.end()
  }
}

/** True when every migration of this code is in the database. */
export async function isMigrated(pool: Pool): Promise<boolean> {
  const { readMigrationFiles } = await import('drizzle-orm/migrator')
  const wanted = readMigrationFiles({ migrationsFolder: folder }).at(-1)?.folderMillis ?? 0
  const { rows } = await pool.query<{ newest: string | null }>(
    'SELECT max(created_at) AS newest FROM drizzle.__drizzle_migrations',
  )
  return Number(rows[0]?.newest ?? -1) >= wanted
}

async function refuseOldServer(client: Client): Promise<void> {
  const { rows } = await client.query<{ server_version_num: string }>('SHOW server_version_num')
  if (Number(rows[0]?.server_version_num) < 180_000)
    throw new Error('Rollcall needs PostgreSQL 18 or newer; DATABASE_URL leads to an older one.')
}
