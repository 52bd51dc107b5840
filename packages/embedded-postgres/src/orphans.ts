import { readdir } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import type { ClusterPaths } from './cluster.ts'
import { lastLines } from './log-file.ts'
import { workingFolderOf } from './pid-file.ts'

const patienceMilliseconds = 2_000

/**
 * Ends the children of a postmaster that was killed, so that PostgreSQL can start. Most end by themselves when they notice. After
 * two seconds (on Linux) the others get SIGQUIT, on which they leave in order, and after six seconds SIGKILL. To be called again
 * until they are gone, with the milliseconds since the first call; after half a minute it throws, with the end of `log`.
 */
export async function endOrphans({ data }: ClusterPaths, waitedMilliseconds: number, log: string): Promise<void> {
  if (waitedMilliseconds > 15 * patienceMilliseconds)
    throw new Error(`Processes of an earlier PostgreSQL still use ${data} and do not end:\n${lastLines(log)}`)
  if (process.platform === 'linux' && waitedMilliseconds > patienceMilliseconds) {
    const signal = waitedMilliseconds > 3 * patienceMilliseconds ? 'SIGKILL' : 'SIGQUIT'
    const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 0 && workingFolderOf(pid) === data)
    for (const pid of pids) {
      try {
        process.kill(pid, signal)
      } catch {
        // The process ended in this moment.
      }
    }
  }
  await wait(100)
}
