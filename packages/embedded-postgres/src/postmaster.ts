import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { closeSync, fchownSync, openSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { copyFile, readdir, readFile, stat, truncate } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Client } from 'pg'
import { isAlive, type Place, run, spawnOptions, superuser } from './cluster.ts'

/** A PostgreSQL that runs and answers. */
export interface Postmaster {
  pid: number
  port: number
  isAlive(): boolean
}

/**
 * An eighth of the memory that the machine, or the container, has, but 256 MB at least and 2 GB at most, in which a million leads
 * fit: pages that are here need not be fetched from the system one by one. Only what is used is taken.
 */
export function megabytesForPages(memory = process.constrainedMemory(), ofMachine = os.totalmem()): number {
  const available = memory > 0 ? Math.min(memory, ofMachine) : ofMachine
  return Math.min(2048, Math.max(256, Math.floor(available / 8 / 2 ** 20)))
}

const settingsOfRollcall: Record<string, string> = {
  max_connections: '100',
  shared_buffers: `${megabytesForPages()}MB`,
  max_wal_size: '2GB',
  // What is read is mostly in the system's cache: asking another process to fetch it takes longer than fetching it.
  io_method: 'sync',
  // Said again here, so that nothing in a configuration file can make a commit less than stored.
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  // Statements are small and many; a parallel plan would also need more shared memory than a container gives.
  max_parallel_workers_per_gather: '0',
  max_parallel_maintenance_workers: '0',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // The log is for faults of the server; addresses of people, which are in details and statements, stay out of it.
  log_checkpoints: 'off',
  log_error_verbosity: 'terse',
  log_min_error_statement: 'panic',
  // A statement of a Rollcall that was killed ends within a second, and frees its locks.
  ...(process.platform === 'win32' ? {} : { client_connection_check_interval: '1000' }),
}

/** Crash recovery after a long outage takes minutes at most. */
const startMilliseconds = 5 * 60_000
const orphanPatienceMilliseconds = 2_000

export function urlOf(place: Place, port: number, database: string): string {
  return `postgres://${superuser}:${place.password}@127.0.0.1:${port}/${database}`
}

/** Runs `task` on a connection of its own. */
export async function withClient<Result>(url: string, task: (client: Client) => Promise<Result>): Promise<Result> {
  const client = new Client({ connectionString: url, application_name: 'rollcall', connectionTimeoutMillis: 10_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    return await task(client)
  } finally {
    await client.end()
  }
}

/**
 * The PostgreSQL that already runs on this cluster, or null. One that is starting or stopping is waited for.
 * Where a pid file names a process that is something else, the file is mended so that the next start passes.
 */
export async function findRunning(place: Place): Promise<Postmaster | null> {
  const deadline = Date.now() + startMilliseconds
  for (;;) {
    const file = await readPidFile(place)
    if (file === null) return null
    if (!isPostmaster(file.pid, place)) {
      if (isAlive(file.pid)) markStale(place, file.lines)
      return null
    }
    if (file.ready && (await answers(place, file.port)))
      return { pid: file.pid, port: file.port, isAlive: () => isPostmaster(file.pid, place) }
    if (Date.now() > deadline)
      throw new Error(
        `PostgreSQL (process ${file.pid}) runs on ${place.cluster} but does not answer: end that process, then start again.`,
      )
    await wait(50)
  }
}

/** What can keep a PostgreSQL from starting, and can be mended by waiting or by another port. */
type Hindrance = 'already running' | 'port taken'

/** Starts PostgreSQL and waits until it answers. Throws, with the end of its log, where it ends instead. */
export async function launch(
  place: Place,
  port: number,
  settings: Record<string, string>,
): Promise<Postmaster | Hindrance> {
  const orphansSince = Date.now()
  for (;;) {
    const logStart = (await stat(logOf(place)).catch(() => null))?.size ?? 0
    const child = spawnPostgres(place, port, settings)
    if (await becameReady(child, place)) {
      const pid = child.pid!
      return { pid, port, isAlive: () => !hasEnded(child) }
    }
    const log = (await readFile(logOf(place))).subarray(logStart).toString().trim()
    if (/shared memory block .* is still in use/.test(log)) {
      await endOrphans(place, Date.now() - orphansSince, log)
      continue
    }
    if (/lock file .* already exists/.test(log)) return 'already running'
    if (/could not bind|Address already in use/.test(log)) return 'port taken'
    throw new Error(`The embedded PostgreSQL in ${place.home} did not start:\n${lastLines(log)}`)
  }
}

/** Stops PostgreSQL after a checkpoint, whoever started it; open connections are closed. */
export async function stopPostmaster(place: Place): Promise<void> {
  const stop = (mode: string) =>
    run(place.binaries.pgCtl, place.user, [
      'stop',
      `--pgdata=${place.cluster}`,
      `--mode=${mode}`,
      '--wait',
      '--timeout=30',
      '--silent',
    ])
  const { code, text } = await stop('fast')
  if (code === 0 || (await readPidFile(place)) === null) return
  // It recovers at the next start, as after a crash.
  const last = await stop('immediate')
  if (last.code !== 0 && (await readPidFile(place)) !== null)
    throw new Error(`The embedded PostgreSQL in ${place.home} did not stop:\n${text}\n${last.text}`)
}

/** Keeps the log under `maximumBytes`, and one older part beside it. PostgreSQL appends, so it goes on in the emptied file. */
export async function boundLog(place: Place, maximumBytes: number): Promise<void> {
  const size = (await stat(logOf(place)).catch(() => null))?.size ?? 0
  if (size <= maximumBytes) return
  await copyFile(logOf(place), `${logOf(place)}.1`)
  await truncate(logOf(place))
}

function logOf(place: Place): string {
  return path.join(place.home, 'postgres.log')
}

function spawnPostgres(place: Place, port: number, settings: Record<string, string>): ChildProcess {
  const log = openSync(logOf(place), 'a', 0o600)
  if (place.user !== null) fchownSync(log, place.user.uid, place.user.gid)
  const all = {
    ...settingsOfRollcall,
    ...settings,
    port: String(port),
    listen_addresses: '127.0.0.1',
    // A path of a socket may have about 100 characters, and a data folder lies anywhere.
    unix_socket_directories: '',
  }
  const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  try {
    const child = spawn(place.binaries.postgres, ['-D', place.cluster, ...flags], {
      ...spawnOptions(place.user),
      // A session of its own: Ctrl-C in the terminal must not reach it before Rollcall has stored its last outcomes.
      detached: true,
      stdio: ['ignore', log, log],
    })
    child.on('error', () => {})
    child.unref()
    return child
  } finally {
    closeSync(log)
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null
}

async function becameReady(child: ChildProcess, place: Place): Promise<boolean> {
  const deadline = Date.now() + startMilliseconds
  while (!hasEnded(child)) {
    const file = await readPidFile(place)
    if (file !== null && file.pid === child.pid && file.ready && (await answers(place, file.port))) return true
    if (Date.now() > deadline)
      throw new Error(
        `The embedded PostgreSQL in ${place.home} was still not ready after ${startMilliseconds / 60_000} minutes; see ${logOf(place)}.`,
      )
    await wait(30)
  }
  return false
}

/** True when our password opens it and it serves this cluster. Only asked of a port that the cluster's own pid file names. */
async function answers(place: Place, port: number): Promise<boolean> {
  try {
    return await withClient(urlOf(place, port, 'postgres'), async (client) => {
      const { rows } = await client.query<{ directory: string }>(
        `SELECT current_setting('data_directory') AS directory`,
      )
      return rows[0]?.directory === place.cluster
    })
  } catch (error) {
    if ((error as { code?: string }).code === '28P01')
      throw new Error(
        `The embedded PostgreSQL in ${place.home} does not take the password in ${path.join(place.home, 'password')}: bring the right file back.`,
        { cause: error },
      )
    return false
  }
}

/** The lines of `postmaster.pid`: pid, data folder, start, port, socket folder, address, shared memory, status. */
async function readPidFile(place: Place) {
  const text = await readFile(path.join(place.cluster, 'postmaster.pid'), 'utf8').catch(() => null)
  if (text === null) return null
  const lines = text.split('\n')
  const pid = Number(lines[0])
  return { pid, port: Number(lines[3]), ready: lines[7]?.trim() === 'ready', lines }
}

/** True when the process lives and is a PostgreSQL on this cluster, and not another that got the number after a crash. */
function isPostmaster(pid: number, place: Place): boolean {
  if (!Number.isInteger(pid) || pid <= 0 || !isAlive(pid)) return false
  if (process.platform === 'linux') return workingFolder(pid) === place.cluster
  if (process.platform === 'win32') return true
  const { stdout } = spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' })
  return stdout.includes(place.cluster)
}

/** PostgreSQL and all its children work in the folder of the cluster. A process that has ended but is still listed has none. */
function workingFolder(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return null
  }
}

/**
 * Puts our own pid into a pid file whose process is gone and whose number now belongs to another. PostgreSQL takes the pid
 * of its parent there for a left-over, and still checks by the other lines that no orphaned child writes to the cluster:
 * removing the file would lose that.
 */
function markStale(place: Place, lines: string[]): void {
  const file = path.join(place.cluster, 'postmaster.pid')
  // Without a pause between the two, so that no file of a PostgreSQL that starts in this moment is overwritten.
  if (readFileSync(file, 'utf8') === lines.join('\n'))
    writeFileSync(file, [String(process.pid), ...lines.slice(1)].join('\n'))
}

/**
 * Children whose postmaster was killed end by themselves when they notice; PostgreSQL does not start before.
 * Those that do not notice are ended: first so that they can say goodbye, then at once.
 */
async function endOrphans(place: Place, waited: number, log: string): Promise<void> {
  if (waited > 15 * orphanPatienceMilliseconds)
    throw new Error(`Processes of an earlier PostgreSQL still use ${place.cluster} and do not end:\n${lastLines(log)}`)
  if (process.platform === 'linux' && waited > orphanPatienceMilliseconds) {
    const signal = waited > 3 * orphanPatienceMilliseconds ? 'SIGKILL' : 'SIGQUIT'
    const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 0 && workingFolder(pid) === place.cluster)
    for (const pid of pids) {
      try {
        process.kill(pid, signal)
      } catch {
        // It ended in this moment.
      }
    }
  }
  await wait(100)
}

function lastLines(log: string): string {
  return log.split('\n').slice(-15).join('\n') || 'PostgreSQL wrote nothing about it.'
}
