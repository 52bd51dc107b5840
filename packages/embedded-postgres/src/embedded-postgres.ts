import { randomInt } from 'node:crypto'
import { chown, readFile, writeFile } from 'node:fs/promises'
import net from 'node:net'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from 'pino'
import { type Ownership, takeOwnership } from './ownership.ts'
import { type Place, preparePlace } from './cluster.ts'
import { boundLog, findRunning, launch, type Postmaster, stopPostmaster, urlOf, withClient } from './postmaster.ts'

export interface EmbeddedPostgres {
  /** Of the database `rollcall`; the same until the end. */
  url: string
  port: number
  /** True where PostgreSQL was found running, left by a Rollcall that was killed. */
  adopted: boolean
  /** Stops PostgreSQL after a checkpoint, also an adopted one. To be called after the pools are closed. */
  stop(): Promise<void>
}

interface Options {
  /** `DATA_DIR`, absolute; PostgreSQL takes the folder `postgres` in it. */
  dataDirectory: string
  logger: Logger
  /** Settings of PostgreSQL over those of Rollcall. */
  settings?: Record<string, string>
}

/** The name of the database in the embedded PostgreSQL. */
export const embeddedDatabase = 'rollcall'
const watchMilliseconds = 250
const logBytes = 5_000_000

/**
 * Starts the PostgreSQL of a data folder, making it first where there is none, and starts it again whenever it dies.
 * Throws an Error with a sentence for a person where that is not possible, also while another Rollcall uses the folder.
 */
export async function startEmbeddedPostgres(options: Options): Promise<EmbeddedPostgres> {
  const { logger, settings = {} } = options
  const place = await preparePlace(options.dataDirectory, logger)
  await boundLog(place, logBytes)
  const { postmaster, adopted } = await findOrLaunch(place, settings)
  const administration = urlOf(place, postmaster.port, 'postgres')
  const ownership = await takeOwnership(administration, place.home)
  await createDatabase(administration)
  const { port } = postmaster
  await rememberPort(place, port)
  logger.info({ port, adopted, folder: place.home }, 'PostgreSQL is ready.')
  const watch = keepRunning({ place, settings, logger, postmaster, ownership })
  return {
    url: urlOf(place, port, embeddedDatabase),
    port,
    adopted,
    stop: async () => {
      await watch.end()
      await stopPostmaster(place)
    },
  }
}

async function findOrLaunch(place: Place, settings: Record<string, string>) {
  let port = await choosePort(place)
  // Another Rollcall may start or stop PostgreSQL between the look and the launch, and a port can be taken in between.
  for (let round = 1; round <= 20; round++) {
    const running = await findRunning(place)
    if (running !== null) return { postmaster: running, adopted: true }
    const started = await launch(place, port, settings)
    if (typeof started !== 'string') return { postmaster: started, adopted: false }
    if (started === 'port taken') port = await freePort()
    else await wait(100)
  }
  throw new Error(`PostgreSQL in ${place.home} could be neither started nor found running; see postgres.log there.`)
}

/** The port of the last start where it is free, so that other programs can be given the address. */
async function choosePort(place: Place): Promise<number> {
  const last = Number(await readFile(path.join(place.home, 'port'), 'utf8').catch(() => ''))
  return Number.isInteger(last) && last > 0 && (await isFree(last)) ? last : freePort()
}

async function rememberPort({ home, user }: Place, port: number): Promise<void> {
  const file = path.join(home, 'port')
  await writeFile(file, `${port}\n`)
  if (user !== null) await chown(file, user.uid, user.gid)
}

/**
 * Below the range from which systems take the ports of outgoing connections: one of those could take ours while PostgreSQL is
 * down, even a try to reach PostgreSQL itself.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000)
    if (await isFree(port)) return port
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

async function createDatabase(administration: string): Promise<void> {
  await withClient(administration, async (client) => {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [embeddedDatabase])
    if (rowCount === 0) await client.query(`CREATE DATABASE ${embeddedDatabase}`)
  })
}

interface Watched {
  place: Place
  settings: Record<string, string>
  logger: Logger
  postmaster: Postmaster
  ownership: Ownership
}

/** Starts PostgreSQL again on the same port when it has died, and takes the ownership again when its connection was lost. */
function keepRunning({ place, settings, logger, ...watched }: Watched) {
  let { postmaster, ownership } = watched
  const ending = new AbortController()

  async function restart(): Promise<void> {
    logger.error('PostgreSQL has stopped unexpectedly; starting it again.')
    const started = (await findRunning(place)) ?? (await launch(place, postmaster.port, settings))
    if (typeof started === 'string') throw new Error(`PostgreSQL could not be started again: ${started}.`)
    postmaster = started
    logger.warn({ port: postmaster.port }, 'PostgreSQL was started again.')
  }

  async function look(): Promise<void> {
    if (!postmaster.isAlive()) await restart()
    if (!ownership.isHeld()) ownership = await takeOwnership(urlOf(place, postmaster.port, 'postgres'), place.home)
    await boundLog(place, logBytes)
  }

  async function watch(): Promise<void> {
    let pause = watchMilliseconds
    while (!ending.signal.aborted) {
      // Not a reason to keep the process alive: who wants PostgreSQL to outlive nothing calls stop().
      await wait(pause, undefined, { signal: ending.signal, ref: false }).catch(() => {})
      if (ending.signal.aborted) return
      try {
        await look()
        pause = watchMilliseconds
      } catch (error) {
        logger.error({ err: error }, 'PostgreSQL does not run; trying again.')
        pause = Math.min(pause * 2, 5_000)
      }
    }
  }

  const watching = watch()
  return {
    end: async () => {
      ending.abort()
      await watching
      await ownership.release()
    },
  }
}
