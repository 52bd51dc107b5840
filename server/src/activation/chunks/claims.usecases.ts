import type { PgBoss } from 'pg-boss'
import type { Queryable, Transaction } from '../../db/database.ts'
import { enqueue } from '../../jobs/queues.ts'
import { settleAll } from '../../util/settle-all.ts'
import { advance } from '../session/advance.queries.ts'
import type { Phase } from '../session/waiting-chunks.queries.ts'
import { lockSession } from '../session/sessions.queries.ts'
import {
  claimFreeChunk,
  finishChunk,
  isNodeAlive,
  lockClaimedChunk,
  releaseLockedChunk,
  type ClaimedChunk,
} from './chunks.queries.ts'
import { resolveInFlight } from './items.queries.ts'

/** The error of a process that cannot work right now, although there may be work; the job is then tried again. */
export class WorkerUnavailable extends Error {
  override name = 'WorkerUnavailable'
}

/**
 * Claims a chunk for this node, and raises its fence. Resolves to null where there is nothing to do for this job: the phase
 * is done, the session does not run (a resume puts new jobs), or another job has claimed the chunk (and puts a job when it
 * releases it). Throws WorkerUnavailable where it is this process that cannot work, so that its job is not used up.
 *
 * A chunk that this node has claimed already is claimed again, because its claim was stored and the answer was lost. The
 * caller makes sure that a process works on a chunk only once at a time.
 */
export async function claimChunk(
  database: Queryable,
  options: { sessionId: string; chunk: number; phase: Phase; nodeId: string | null },
): Promise<ClaimedChunk | null> {
  const { nodeId } = options
  if (nodeId === null) throw new WorkerUnavailable('This process is stopping, or is not heard by the database.')
  const claimed = await claimFreeChunk(database, { ...options, nodeId })
  if (claimed === null && !(await isNodeAlive(database, nodeId)))
    throw new WorkerUnavailable('This process was taken for dead.')
  return claimed
}

/**
 * Releases a chunk after a run, and puts the job for its next run where work is left: at once, after `delaySeconds`, or when
 * the first of its mails is due. No mail of the chunk is in flight any more, so a mail that is still `sending` has an outcome
 * that could not be stored, and becomes unconfirmed.
 *
 * The chunk is locked before the session, as by all writers, so a resume or a cancel comes either before (and the job is put
 * here) or after (and finds the chunk free). Where nothing is left no job is put, and the session is not locked, because its
 * gates and outcomes would wait for that.
 */
export async function releaseChunk(
  boss: PgBoss,
  transaction: Transaction,
  claimed: ClaimedChunk,
  phase: Phase,
  options: { delaySeconds: number; now: Date },
): Promise<void> {
  const [isClaimed, isFinishedChunk] = await settleAll([
    lockClaimedChunk(transaction, claimed),
    // This statement begins after the lock is held, so it sees mails that were reopened meanwhile.
    finishChunk(transaction, claimed),
  ])
  if (!isClaimed || isFinishedChunk) return
  const { sessionId, chunk } = claimed
  const lost = await resolveInFlight(transaction, sessionId, [chunk], { state: 'unconfirmed', reason: 'answer_lost' })
  const session = await lockSession(transaction, sessionId)
  if (lost > 0) await advance(transaction, { sessionId, now: options.now, deltas: { mailsUnconfirmed: lost } })
  const { isDone, startAfter } = await releaseLockedChunk(transaction, claimed, options.delaySeconds)
  if (isDone) return
  const data = { sessionId, chunk }
  if (session?.status === 'cancelled') await enqueue(boss, transaction, 'cancel', [{ data }])
  if (session?.status === 'running' || session?.status === 'queued')
    await enqueue(boss, transaction, phase, [{ data, startAfter }])
}
