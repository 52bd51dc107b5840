import { existsSync } from 'node:fs'
import { homeOrLinkOf, openCluster, urlOf } from './cluster.ts'
import { type EmbeddedPostgresOptions, startEmbeddedPostgres } from './embedded-postgres.ts'
import { findRunning } from './postmaster.ts'

/** The connection of a command to a PostgreSQL that another process may own. */
export interface Attachment {
  /** The address of the application's database. */
  url: string
  /** Stops PostgreSQL where attaching had to start it, and leaves it alone where it was found running. */
  detach(): Promise<void>
}

/**
 * Finds the PostgreSQL of a data folder, whoever owns it, or starts it until `detach` is called.
 * Throws an Error with one sentence where there is no database yet; it never makes one.
 */
export async function attachEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<Attachment> {
  const { application, dataDirectory, logger } = options
  if (!existsSync(homeOrLinkOf(dataDirectory)))
    throw new Error(
      `There is no database in ${dataDirectory}; set ${application.settings.dataDirectory} or ${application.settings.databaseUrl} to where it is.`,
    )
  const cluster = await openCluster(dataDirectory, application, logger)
  const running = await findRunning(cluster)
  if (running !== null)
    return { url: urlOf(cluster, running.port, application.database), detach: async () => undefined }
  const started = await startEmbeddedPostgres(options)
  return { url: started.url, detach: () => started.stop() }
}
