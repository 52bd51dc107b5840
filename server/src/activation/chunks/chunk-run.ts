import { setTimeout as wait } from 'node:timers/promises'
import { isDatabaseAway } from '../../db/errors.ts'
import type { ChunkJob } from '../../jobs/queues.ts'
import type { Phase } from '../session/waiting-chunks.queries.ts'
import type { ClaimedChunk } from './chunks.queries.ts'
import { claimChunk, releaseChunk, WorkerUnavailable } from './claims.usecases.ts'
import type { WorkerContext } from './worker-context.ts'

/** The result of the work of a run. */
export interface ChunkRunResult {
  /** True when nothing got an outcome although something was due; the next run then waits for a second. */
  idle: boolean
  /** True when the work itself released the chunk, and put the job for what it left. */
  released?: boolean
}

/** The next run waits this long after one that threw, because the same work would throw again at once. */
const failedDelaySeconds = 5
const idleDelaySeconds = 1
/** A claim is given up after this many attempts that failed for another reason than that the database was away. */
const claimAttempts = 20

/**
 * Runs work on a chunk once: claims it, works, releases it and, when work is left, puts the job for the next run. Claim and
 * release are retried until the database answers, so no chunk stays claimed by a process that does not work on it. An error
 * of `work` is logged and the next run comes later; only where this process cannot work at all does the job itself fail, to
 * be tried again.
 */
export async function runChunk(
  context: WorkerContext,
  job: ChunkJob,
  phase: Phase,
  work: (claimed: ClaimedChunk) => Promise<ChunkRunResult>,
): Promise<void> {
  const key = `${job.sessionId} ${job.chunk} ${phase}`
  if (context.chunksInProgress.has(key))
    throw new WorkerUnavailable('This process is in the middle of a run on the same chunk.')
  context.chunksInProgress.add(key)
  try {
    const claimed = await retryUntilDatabaseAnswers(context, claimAttempts, async () => {
      const nodeId = context.stopping() ? null : context.nodeId()
      return claimChunk(context.database, { ...job, phase, nodeId })
    })
    if (claimed === null) return
    const { released, delaySeconds } = await workOrDelay(context, claimed, work)
    if (released) return
    await retryUntilDatabaseAnswers(context, Infinity, () =>
      context.workerDatabase.transaction((transaction) =>
        releaseChunk(context.boss, transaction, claimed, phase, { delaySeconds, now: context.now() }),
      ),
    )
    context.publish([job.sessionId], false)
  } finally {
    context.chunksInProgress.delete(key)
  }
}

/** Works on a claimed chunk. `delaySeconds` is how long the next run has to wait at least, which is longer after an error. */
async function workOrDelay(
  context: WorkerContext,
  claimed: ClaimedChunk,
  work: (claimed: ClaimedChunk) => Promise<ChunkRunResult>,
): Promise<{ released: boolean; delaySeconds: number }> {
  try {
    const { idle, released = false } = await work(claimed)
    return { released, delaySeconds: idle ? idleDelaySeconds : 0 }
  } catch (error) {
    context.logger.error(
      { err: error, sessionId: claimed.sessionId, chunk: claimed.chunk },
      'a run on a chunk failed; the next comes later',
    )
    // The database may be back at once; any other failure is likely to come again.
    return { released: false, delaySeconds: isDatabaseAway(error) ? idleDelaySeconds : failedDelaySeconds }
  }
}

/** Calls `ask` again while the database is away, however long; after any other error at most `attempts` times in all. */
async function retryUntilDatabaseAnswers<Answer>(
  context: WorkerContext,
  attempts: number,
  ask: () => Promise<Answer>,
): Promise<Answer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await ask()
    } catch (error) {
      if (error instanceof WorkerUnavailable || (attempt >= attempts && !isDatabaseAway(error))) throw error
      context.logger.warn({ err: error, attempt }, 'a chunk could not be claimed or released yet')
      await wait(Math.min(2000, 100 * attempt))
    }
  }
}
