import path from 'node:path'
import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate } from 'drizzle-orm/node-postgres/migrator'
import { Client, type Pool } from 'pg'

const folder = path.join(import.meta.dirname, '../../migrations')

/** The advisory lock of migrations: of the processes that start at the same time, one migrates and the others wait for it. */
const migrationLock = 7_021_970_201

/**
 * Runs `run` while no other process migrates this database. `run` gets a connection of its own. Throws where the server is older
 * than PostgreSQL 18.
 */
export async function withMigrationLock(url: string, run: (client: Client) => Promise<void>): Promise<void> {
  const client = new Client({ connectionString: url, application_name: 'rollcall migrate' })
  await client.connect()
  try {
    await refuseOldServer(client)
    await client.query('SELECT pg_advisory_lock($1)', [migrationLock])
    await run(client)
  } finally {
    await client.end()
  }
}

/** Runs the migrations that the database does not have yet. */
export async function migrateTables(client: Client): Promise<void> {
  await migrate(drizzle(client), { migrationsFolder: folder })
}

/** True when the database has every migration of this code. */
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
