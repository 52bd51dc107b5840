import { setTimeout as wait } from 'node:timers/promises'
import { isDatabaseAway } from '../../db/errors.ts'
import type { ChunkJob } from '../../jobs/queues.ts'
import type { Phase } from '../session/waiting-chunks.queries.ts'
import { claimChunk, NotNow, releaseChunk, type HeldChunk } from './chunks.queries.ts'
import type { WorkerContext } from './worker-context.ts'

/** What a turn of work tells of itself. */
export interface TurnResult {
  /** True when nothing got an outcome although something was due: then the next turn waits a moment. */
  idle: boolean
  /** True when the work itself gave the chunk back, and what it left has a job. */
  released?: boolean
}

/** Waits after a turn that threw: the same work would throw again at once. */
const failedDelaySeconds = 5
const idleDelaySeconds = 1
/** Errors that are not the database being away are mistakes of ours; a claim is given up after so many. */
const claimTries = 20

/**
 * One turn of work on a chunk: claims it, works, gives it back and, when work is left, puts the job for the next turn.
 * Claim and release are repeated until the database answers, so no chunk stays held by a process that does not work on
 * it. An error of `work` is logged and the next turn comes later; only where this process cannot work at all does the
 * job itself fail, to be tried again.
 */
export async function workOnChunk(
  context: WorkerContext,
  job: ChunkJob,
  phase: Phase,
  work: (held: HeldChunk) => Promise<TurnResult>,
): Promise<void> {
  const key = `${job.sessionId} ${job.chunk} ${phase}`
  if (context.turns.has(key)) throw new NotNow('This process is in the middle of a turn on the same chunk.')
  context.turns.add(key)
  try {
    const held = await patiently(context, claimTries, async () => {
      const nodeId = context.stopping() ? null : context.nodeId()
      return claimChunk(context.database, { ...job, phase, nodeId })
    })
    if (held === null) return
    const { released, delaySeconds } = await workOrDelay(context, held, work)
    if (released) return
    await patiently(context, Infinity, () =>
      context.workerDatabase.transaction((transaction) =>
        releaseChunk(context.boss, transaction, held, phase, { delaySeconds, now: context.now() }),
      ),
    )
    context.publish([job.sessionId], false)
  } finally {
    context.turns.delete(key)
  }
}

/** `delaySeconds`: how long the next turn has to wait at least. */
async function workOrDelay(
  context: WorkerContext,
  held: HeldChunk,
  work: (held: HeldChunk) => Promise<TurnResult>,
): Promise<{ released: boolean; delaySeconds: number }> {
  try {
    const { idle, released = false } = await work(held)
    return { released, delaySeconds: idle ? idleDelaySeconds : 0 }
  } catch (error) {
    context.logger.error(
      { err: error, sessionId: held.sessionId, chunk: held.chunk },
      'a turn of work failed; the next comes later',
    )
    // The database may be back at once; any other failure is likely to come again.
    return { released: false, delaySeconds: isDatabaseAway(error) ? idleDelaySeconds : failedDelaySeconds }
  }
}

async function patiently<Answer>(context: WorkerContext, most: number, ask: () => Promise<Answer>): Promise<Answer> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask()
    } catch (error) {
      if (error instanceof NotNow || (tries >= most && !isDatabaseAway(error))) throw error
      context.logger.warn({ err: error, tries }, 'a chunk could not be taken or given back yet')
      await wait(Math.min(2000, 100 * tries))
    }
  }
}
