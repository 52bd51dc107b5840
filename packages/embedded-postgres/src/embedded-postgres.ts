import { setTimeout as wait } from 'node:timers/promises'
import type { Application, Logger } from './application.ts'
import { withClient } from './client.ts'
import { type Cluster, openCluster, urlOf } from './cluster.ts'
import { rotateLog } from './log-file.ts'
import { takeOwnership } from './ownership.ts'
import { choosePort, findFreePort, rememberPort } from './ports.ts'
import { findRunning, launch, type Postmaster } from './postmaster.ts'
import { maximumLogBytes, Supervisor } from './supervisor.ts'

/** A PostgreSQL that this process owns and keeps running. */
export interface EmbeddedPostgres {
  /** The address of the application's database; the same until the end. */
  url: string
  port: number
  /** True where PostgreSQL was found running, left by an owner that was killed. */
  adopted: boolean
  /** Stops PostgreSQL after a checkpoint, also an adopted one. To be called after the application's connections are closed. */
  stop(): Promise<void>
}

export interface EmbeddedPostgresOptions {
  application: Application
  /** An absolute path to a folder of the application's own; PostgreSQL takes the folder `postgres` in it. */
  dataDirectory: string
  logger: Logger
  /** Settings of PostgreSQL in place of this package's own. */
  settings?: Record<string, string>
}

/**
 * Starts the PostgreSQL of a data folder, making it first where there is none, and starts it again whenever it dies.
 * Throws an Error with a sentence for a person where that is not possible, also while another process owns it.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { application, logger, settings = {} } = options
  const cluster = await openCluster(options.dataDirectory, application, logger)
  await rotateLog(cluster.paths.logFile, maximumLogBytes)
  const { postmaster, adopted } = await findOrLaunch(cluster, settings)
  const { port } = postmaster
  const ownership = await takeOwnership(cluster, port)
  await createDatabase(cluster, port)
  await rememberPort(cluster, port)
  logger.info({ port, adopted, folder: cluster.paths.home }, 'PostgreSQL is ready.')
  const supervisor = new Supervisor({ cluster, settings, logger, postmaster, ownership })
  return { url: urlOf(cluster, port, application.database), port, adopted, stop: () => supervisor.stop() }
}

/**
 * Adopts the PostgreSQL that runs, or launches one. It tries again where another process has started or stopped PostgreSQL, or
 * has taken the port, after it looked.
 */
async function findOrLaunch(
  cluster: Cluster,
  settings: Record<string, string>,
): Promise<{ postmaster: Postmaster; adopted: boolean }> {
  let port = await choosePort(cluster)
  for (let round = 1; round <= 20; round++) {
    const running = await findRunning(cluster)
    if (running !== null) return { postmaster: running, adopted: true }
    const started = await launch(cluster, port, settings)
    if (typeof started !== 'string') return { postmaster: started, adopted: false }
    if (started === 'port taken') port = await findFreePort()
    else await wait(100)
  }
  throw new Error(
    `PostgreSQL in ${cluster.paths.home} could be neither started nor found running; see postgres.log there.`,
  )
}

async function createDatabase(cluster: Cluster, port: number): Promise<void> {
  const { database } = cluster.application
  await withClient(urlOf(cluster, port, 'postgres'), database, async (client) => {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [database])
    if (rowCount === 0) await client.query(`CREATE DATABASE ${database}`)
  })
}
