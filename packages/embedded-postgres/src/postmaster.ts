import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, fchownSync, openSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { withClient } from './client.ts'
import { type Cluster, urlOf } from './cluster.ts'
import { lastLines, readLogSince, sizeOf } from './log-file.ts'
import { endOrphans } from './orphans.ts'
import { isPostmaster, markStale, readPidFile } from './pid-file.ts'
import { isProcessAlive, runBinary, spawnOptions } from './processes.ts'
import { defaultSettings, fixedSettings } from './settings.ts'

/** The main process of a PostgreSQL that runs and answers. */
export interface Postmaster {
  pid: number
  port: number
  isAlive(): boolean
}

/** The failures of a start that pass by waiting or with another port. */
export type Hindrance = 'already running' | 'port taken'

/** The longest time, in milliseconds, that a start may take. Recovery after a crash takes minutes at most, also after heavy writing. */
const startMilliseconds = 5 * 60_000

/**
 * Returns the PostgreSQL that already runs on this cluster, whoever started it, or null. Waits for one that is starting or stopping.
 * Where the pid file names another program, the file is changed so that the next start passes.
 */
export async function findRunning(cluster: Cluster): Promise<Postmaster | null> {
  const { paths } = cluster
  const deadline = Date.now() + startMilliseconds
  for (;;) {
    const file = await readPidFile(paths)
    if (file === null) return null
    if (!isPostmaster(file.pid, paths)) {
      if (isProcessAlive(file.pid)) markStale(paths, file.lines)
      return null
    }
    if (file.ready && (await answers(cluster, file.port)))
      return { pid: file.pid, port: file.port, isAlive: () => isPostmaster(file.pid, paths) }
    if (Date.now() > deadline)
      throw new Error(
        `PostgreSQL (process ${file.pid}) runs on ${paths.data} but does not answer: end that process, then start again.`,
      )
    await wait(50)
  }
}

/**
 * Starts PostgreSQL and waits until it answers, at most five minutes. Children of a killed postmaster that still use the cluster
 * are waited for, and ended. Throws an Error with the end of PostgreSQL's log where it ends instead.
 */
export async function launch(
  cluster: Cluster,
  port: number,
  settings: Record<string, string>,
): Promise<Postmaster | Hindrance> {
  const { home, logFile } = cluster.paths
  const begin = Date.now()
  for (;;) {
    const logStart = await sizeOf(logFile)
    const child = spawnPostgres(cluster, port, settings)
    if (await becameReady(child, cluster)) return { pid: child.pid!, port, isAlive: () => !hasEnded(child) }
    const log = await readLogSince(logFile, logStart)
    if (/lock file .* already exists/.test(log)) return 'already running'
    if (/could not bind|Address already in use/.test(log)) return 'port taken'
    if (!/shared memory block .* is still in use/.test(log))
      throw new Error(`The embedded PostgreSQL in ${home} did not start:\n${lastLines(log)}`)
    await endOrphans(cluster.paths, Date.now() - begin, log)
  }
}

/** Stops PostgreSQL after a checkpoint, whoever started it, and closes its connections. Does nothing where it does not run. */
export async function stopPostmaster({ paths, binaries, user }: Cluster): Promise<void> {
  const stop = (mode: string) =>
    runBinary(binaries.pgCtl, user, [
      'stop',
      `--pgdata=${paths.data}`,
      `--mode=${mode}`,
      '--wait',
      '--timeout=30',
      '--silent',
    ])
  const { code, text } = await stop('fast')
  if (code === 0 || (await readPidFile(paths)) === null) return
  // After an immediate stop PostgreSQL recovers at the next start, as after a crash: no commit is lost.
  const last = await stop('immediate')
  if (last.code !== 0 && (await readPidFile(paths)) !== null)
    throw new Error(`The embedded PostgreSQL in ${paths.home} did not stop:\n${text}\n${last.text}`)
}

function spawnPostgres(
  { paths, binaries, user }: Cluster,
  port: number,
  settings: Record<string, string>,
): ChildProcess {
  const log = openSync(paths.logFile, 'a', 0o600)
  if (user !== null) fchownSync(log, user.uid, user.gid)
  const all = { ...defaultSettings, ...settings, ...fixedSettings(port) }
  const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  try {
    const child = spawn(binaries.postgres, ['-D', paths.data, ...flags], {
      ...spawnOptions(user),
      // PostgreSQL gets a process group of its own: a Ctrl-C in the terminal must not reach it before the application has stored
      // its last work.
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

async function becameReady(child: ChildProcess, cluster: Cluster): Promise<boolean> {
  const { paths } = cluster
  const deadline = Date.now() + startMilliseconds
  while (!hasEnded(child)) {
    const file = await readPidFile(paths)
    if (file !== null && file.pid === child.pid && file.ready && (await answers(cluster, file.port))) return true
    if (Date.now() > deadline)
      throw new Error(
        `The embedded PostgreSQL in ${paths.home} was still not ready after ${startMilliseconds / 60_000} minutes; see ${paths.logFile}.`,
      )
    await wait(30)
  }
  return false
}

/**
 * True when the cluster's password opens the PostgreSQL on this port and it serves this cluster. It is only asked of a port that
 * the cluster's own pid file names, so a wrong password means that the file with the password was exchanged: that throws.
 */
async function answers(cluster: Cluster, port: number): Promise<boolean> {
  const { application, paths } = cluster
  try {
    return await withClient(urlOf(cluster, port, 'postgres'), application.database, async (client) => {
      const { rows } = await client.query<{ directory: string }>(
        `SELECT current_setting('data_directory') AS directory`,
      )
      return rows[0]?.directory === paths.data
    })
  } catch (error) {
    if ((error as { code?: string }).code === '28P01')
      throw new Error(
        `The embedded PostgreSQL in ${paths.home} does not take the password in ${paths.passwordFile}: bring the right file back.`,
        { cause: error },
      )
    return false
  }
}
