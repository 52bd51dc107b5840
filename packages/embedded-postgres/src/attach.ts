import { existsSync } from 'node:fs'
import path from 'node:path'
import type { Logger } from 'pino'
import { embeddedDatabase, startEmbeddedPostgres } from './embedded-postgres.ts'
import { preparePlace } from './cluster.ts'
import { findRunning, urlOf } from './postmaster.ts'

/** The embedded PostgreSQL for a command that looks at it and goes again. */
export interface Visit {
  url: string
  /** Stops PostgreSQL where the visit had to start it. */
  leave(): Promise<void>
}

/**
 * Finds the PostgreSQL of a data folder, whoever runs it, or starts it for the length of the visit.
 * Throws an Error with one sentence where there is no database yet.
 */
export async function visitEmbeddedPostgres(options: { dataDirectory: string; logger: Logger }): Promise<Visit> {
  if (!existsSync(path.join(options.dataDirectory, 'postgres')))
    throw new Error(`There is no database in ${options.dataDirectory}; set DATA_DIR or DATABASE_URL to where it is.`)
  const place = await preparePlace(options.dataDirectory, options.logger)
  const running = await findRunning(place)
  if (running !== null) return { url: urlOf(place, running.port, embeddedDatabase), leave: async () => undefined }
  const started = await startEmbeddedPostgres(options)
  return { url: started.url, leave: () => started.stop() }
}
