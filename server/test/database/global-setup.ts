import { readdir, rm, statfs } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { Client } from 'pg'
import { pino } from 'pino'
import type { TestProject } from 'vitest/node'
import { makeFolder } from '../process/folder.ts'
import { startEmbeddedPostgres } from '../../src/db/embedded.ts'
import { isProcessAlive } from 'embedded-postgres-server'
import { migrateDatabase } from '../../src/migrate-database.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The address of the database over which the others are created and removed. */
    postgresUrl: string
    /** The name of the migrated database that each test file gets a copy of. */
    templateDatabase: string
  }
}

const prefix = 'rollcall-test-'
const templateDatabase = 'template_rollcall'

/** Starts one PostgreSQL for the whole run, in memory where there is room, because nothing in it has to outlive the run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await memoryFolder()
  await removeLeftovers(folder)
  const dataDirectory = await makeFolder(`${prefix}${process.pid}-`, folder)
  const postgres = await startEmbeddedPostgres({
    dataDirectory,
    logger: pino({ level: 'error' }),
    settings: {
      fsync: 'off',
      synchronous_commit: 'off',
      full_page_writes: 'off',
      max_connections: '200',
      shared_buffers: '128MB',
      max_wal_size: '256MB',
    },
  })
  const url = new URL(postgres.url)
  url.pathname = '/postgres'
  await makeTemplate(url)
  project.provide('postgresUrl', url.href)
  project.provide('templateDatabase', templateDatabase)
  return async () => {
    await postgres.stop()
    await rm(dataDirectory, { recursive: true, force: true })
  }
}

async function makeTemplate(url: URL): Promise<void> {
  const client = new Client({ connectionString: url.href })
  await client.connect()
  await client.query(`CREATE DATABASE ${templateDatabase}`)
  const template = new URL(url)
  template.pathname = `/${templateDatabase}`
  await migrateDatabase(template.href)
  // A database that somebody is connected to cannot be copied.
  await client.query(`ALTER DATABASE ${templateDatabase} ALLOW_CONNECTIONS false`)
  await client.query(`SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1`, [
    templateDatabase,
  ])
  await client.end()
}

async function memoryFolder(): Promise<string> {
  const memory = await statfs('/dev/shm').catch(() => null)
  return memory !== null && memory.bavail * memory.bsize > 2_000_000_000 ? '/dev/shm' : os.tmpdir()
}

/** Removes the folders of runs that were killed. A PostgreSQL that still runs in one ends by itself within a minute after its folder is gone. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = new RegExp(`^${prefix}(\\d+)-`).exec(name)?.[1]
    if (pid !== undefined && !isProcessAlive(Number(pid)))
      await rm(path.join(folder, name), { recursive: true, force: true })
  }
}
