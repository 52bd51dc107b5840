import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { Client, type Pool, type PoolClient } from 'pg'
import { inject } from 'vitest'
import { type Database, openDatabase, openPool } from '../../src/db/database.ts'

export interface TestDatabase {
  url: string
  pool: Pool
  database: Database
  /** Removes the database. Throws where somebody took a connection from the pool and never gave it back. */
  close(): Promise<void>
}

/** Creates a migrated, empty database for one test file, in a PostgreSQL that all test files share. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString('hex')}`
  await administrate(`CREATE DATABASE ${name} TEMPLATE ${inject('templateDatabase')}`)
  const url = new URL(inject('postgresUrl'))
  url.pathname = `/${name}`
  const pool = openPool(url.href, { maximum: 10, onError: () => {} })
  const taken = new Set<PoolClient>()
  pool.on('acquire', (client) => taken.add(client))
  pool.on('release', (_error, client) => taken.delete(client))
  return {
    url: url.href,
    pool,
    database: openDatabase(pool),
    close: async () => {
      // Work that a test started without waiting for its end may still be about to give its connection back.
      for (let patience = 50; taken.size > 0 && patience > 0; patience--) await wait(20)
      const leaked = taken.size
      for (const client of taken) client.release(true)
      await pool.end()
      await administrate(`DROP DATABASE ${name} WITH (FORCE)`)
      if (leaked > 0) throw new Error(`${leaked} of the connections of the pool were taken and never given back.`)
    },
  }
}

async function administrate(statement: string): Promise<void> {
  const client = new Client({ connectionString: inject('postgresUrl') })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
