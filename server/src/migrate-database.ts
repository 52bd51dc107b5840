import { migrateTables, withMigrationLock } from './db/migrate.ts'
import { migrateQueues } from './jobs/queues.ts'

/**
 * Brings a database to the state that this code wants: Rollcall's tables and those of the jobs. Safe to run at every
 * start and by several processes at once. Throws where the server is older than PostgreSQL 18.
 */
export async function migrateDatabase(url: string): Promise<void> {
  await withMigrationLock(url, async (client) => {
    await migrateTables(client)
    await migrateQueues(url)
  })
}
