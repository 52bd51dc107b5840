import { spawnSync } from 'node:child_process'
import { readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { ClusterPaths } from './cluster.ts'
import { isProcessAlive } from './processes.ts'

/** The description that PostgreSQL writes of itself into `postmaster.pid`. */
export interface PidFile {
  pid: number
  port: number
  /** False while PostgreSQL starts, recovers or stops. */
  ready: boolean
  lines: string[]
}

/** Reads a pid file; null where there is none. Its lines are pid, data folder, start, port, socket folder, address, shared memory, status. */
export async function readPidFile({ pidFile }: ClusterPaths): Promise<PidFile | null> {
  const text = await readFile(pidFile, 'utf8').catch(() => null)
  if (text === null) return null
  const lines = text.split('\n')
  return { pid: Number(lines[0]), port: Number(lines[3]), ready: lines[7]?.trim() === 'ready', lines }
}

/** True when the process lives and is a PostgreSQL on this cluster, and not another program that got the number after a crash. */
export function isPostmaster(pid: number, { data }: ClusterPaths): boolean {
  if (!Number.isInteger(pid) || pid <= 0 || !isProcessAlive(pid)) return false
  if (process.platform === 'linux') return workingFolderOf(pid) === data
  if (process.platform === 'win32') return true
  const { stdout } = spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' })
  return stdout.includes(data)
}

/**
 * Returns the folder that a process works in, on Linux. PostgreSQL and all its children work in the folder of their cluster.
 * Null for a process that has ended but is still listed, and for one that may not be looked at.
 */
export function workingFolderOf(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return null
  }
}

/**
 * Puts the pid of this process into a pid file whose process is gone and whose number now belongs to another program. PostgreSQL
 * takes the pid of its parent there for a left-over, and still checks by the other lines that no orphaned child writes to the
 * cluster. Removing the file would lose that check.
 */
export function markStale({ pidFile }: ClusterPaths, lines: string[]): void {
  // Both calls are synchronous, so that no file of a PostgreSQL that starts in this moment is overwritten.
  if (readFileSync(pidFile, 'utf8') === lines.join('\n'))
    writeFileSync(pidFile, [String(process.pid), ...lines.slice(1)].join('\n'))
}
