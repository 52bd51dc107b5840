import { randomBytes } from 'node:crypto'
import { chmod, chown, lstat, mkdir, readdir, readFile, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Application, Logger } from './application.ts'
import { type Binaries, findBinaries, majorVersion } from './binaries.ts'
import { makeSharedFolder, moveIntoPlace } from './folders.ts'
import { isProcessAlive, runBinary } from './processes.ts'
import { canEnter, chooseSystemUser, type SystemUser } from './system-user.ts'

/** The paths of the files of one PostgreSQL. All of them are absolute and free of symbolic links. */
export interface ClusterPaths {
  /** The folder that holds all the others. */
  home: string
  /** PostgreSQL's own data directory. */
  data: string
  passwordFile: string
  /** The file with the port of the last start. */
  portFile: string
  /** The file in which PostgreSQL describes itself while it runs. */
  pidFile: string
  logFile: string
}

/** A database cluster that exists, and all that is needed to start it. */
export interface Cluster {
  application: Application
  paths: ClusterPaths
  password: string
  binaries: Binaries
  /** The system user that PostgreSQL runs as; null: the one that this process runs as. */
  user: SystemUser | null
}

/** The folder of the data folder in which the cluster lies, or the link to where it lies. */
export function homeOrLinkOf(dataDirectory: string): string {
  return path.join(dataDirectory, 'postgres')
}

/** Makes the address of a database of the cluster, with the superuser's name and password. */
export function urlOf(cluster: Cluster, port: number, database: string): string {
  return `postgres://${cluster.application.database}:${cluster.password}@127.0.0.1:${port}/${database}`
}

/**
 * Finds the cluster of a data folder, or makes one, which takes some seconds.
 * Throws an Error with one sentence for a person where that cannot be done.
 */
export async function openCluster(dataDirectory: string, application: Application, logger: Logger): Promise<Cluster> {
  await mkdir(dataDirectory, { recursive: true })
  const homeOrLink = homeOrLinkOf(await realpath(dataDirectory))
  await removeUnfinished(homeOrLink)
  const existing = await existingHome(homeOrLink)
  const user = await chooseSystemUser(existing, application)
  const binaries = await findBinaries(user, application, logger)
  const home = existing ?? (await makeHome({ homeOrLink, application, binaries, user, logger }))
  const paths = pathsOf(home)
  const version = (await readFile(path.join(paths.data, 'PG_VERSION'), 'utf8')).trim()
  if (version !== majorVersion)
    throw new Error(
      `The database in ${home} was made by PostgreSQL ${version} and this ${application.name} brings PostgreSQL ${majorVersion}: dump it with the older ${application.name}, or give ${application.settings.databaseUrl}.`,
    )
  const password = (await readFile(paths.passwordFile, 'utf8')).trim()
  return { application, paths, password, binaries, user }
}

function pathsOf(home: string): ClusterPaths {
  const data = path.join(home, 'cluster')
  return {
    home,
    data,
    passwordFile: path.join(home, 'password'),
    portFile: path.join(home, 'port'),
    pidFile: path.join(data, 'postmaster.pid'),
    logFile: path.join(home, 'postgres.log'),
  }
}

/** Returns null where there is no cluster yet. Throws for a link that leads nowhere, because the data may be on a disk that is not mounted. */
async function existingHome(homeOrLink: string): Promise<string | null> {
  const entry = await lstat(homeOrLink).catch(() => null)
  if (entry === null) return null
  const home = await realpath(homeOrLink).catch(() => null)
  if (home === null)
    throw new Error(
      `${homeOrLink} points to a folder that is gone: bring it back, or remove ${homeOrLink} to begin with an empty database.`,
    )
  return home
}

interface NewCluster {
  homeOrLink: string
  application: Application
  binaries: Binaries
  user: SystemUser | null
  logger: Logger
}

/**
 * Makes the home and its cluster under another name first, so that a home is always complete.
 * Of two processes that do this at the same time one wins, and both go on with its home.
 */
async function makeHome({ homeOrLink, application, binaries, user, logger }: NewCluster): Promise<string> {
  logger.info({ folder: homeOrLink }, 'Making the embedded PostgreSQL database.')
  const dataDirectory = path.dirname(homeOrLink)
  // Every user may be let into the data folder: it belongs to the application, and each secret file in it has a mode of its own.
  if (user !== null) await chmod(dataDirectory, (await stat(dataDirectory)).mode | 0o011)
  if (canEnter(user, dataDirectory, application)) {
    const unfinished = `${homeOrLink}.new-${process.pid}`
    await initialise(pathsOf(unfinished), { application, binaries, user })
    await moveIntoPlace(unfinished, homeOrLink)
    return realpath(homeOrLink)
  }
  const elsewhere = await makeSharedFolder(randomBytes(8).toString('hex'), application)
  logger.warn(
    { dataDirectory, folder: elsewhere },
    'The system user of PostgreSQL cannot enter the data folder, so the database is kept in another folder; back up both.',
  )
  await initialise(pathsOf(elsewhere), { application, binaries, user })
  await symlink(elsewhere, homeOrLink).catch(async (error: NodeJS.ErrnoException) => {
    await rm(elsewhere, { recursive: true, force: true })
    if (error.code !== 'EEXIST') throw error
  })
  return realpath(homeOrLink)
}

async function initialise(
  paths: ClusterPaths,
  { application, binaries, user }: Pick<NewCluster, 'application' | 'binaries' | 'user'>,
): Promise<void> {
  await mkdir(paths.home, { recursive: true, mode: 0o700 })
  await chmod(paths.home, 0o700)
  await writeFile(paths.passwordFile, randomBytes(24).toString('base64url'), { mode: 0o600 })
  if (user !== null) for (const each of [paths.home, paths.passwordFile]) await chown(each, user.uid, user.gid)
  const parameters = [
    `--pgdata=${paths.data}`,
    `--username=${application.database}`,
    `--pwfile=${paths.passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    // Letters follow PostgreSQL's own rules, which are the same on every machine; lower() knows every script by them.
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
    '--no-instructions',
  ]
  // The extension pg_trgm asks the operating system what a letter is. Where that has no such locale, text that is not ASCII has
  // no trigrams, and is found by a scan.
  const withLetters = await runBinary(binaries.initdb, user, [...parameters, '--lc-ctype=C.UTF-8'])
  const result = withLetters.code === 0 ? withLetters : await runBinary(binaries.initdb, user, parameters)
  if (result.code !== 0) {
    await rm(paths.home, { recursive: true, force: true })
    throw new Error(`The embedded PostgreSQL database could not be made in ${paths.home}:\n${result.text}`)
  }
}

/** Removes the unfinished homes of processes that have ended while they made one. */
async function removeUnfinished(homeOrLink: string): Promise<void> {
  const dataDirectory = path.dirname(homeOrLink)
  const prefix = `${path.basename(homeOrLink)}.new-`
  for (const name of await readdir(dataDirectory)) {
    if (!name.startsWith(prefix)) continue
    const pid = Number(name.slice(prefix.length))
    if (!Number.isInteger(pid) || (pid !== process.pid && isProcessAlive(pid))) continue
    await rm(path.join(dataDirectory, name), { recursive: true, force: true })
  }
}
