import type { ChunkJob } from '../../jobs/queues.ts'
import { settleAll } from '../../util/settle-all.ts'
import { runChunk } from '../chunks/chunk-run.ts'
import type { DueMail } from '../chunks/items.queries.ts'
import type { WorkerContext } from '../chunks/worker-context.ts'
import { holdIfBreakerOpen } from '../holds/holds.usecases.ts'
import { lastEventId } from '../session/events.queries.ts'
import { readSession, type SessionRow } from '../session/sessions.queries.ts'
import { deliver } from './delivery-attempt.ts'
import { beginRun, mayContinue, type DeliveryRun, type DeliveryState } from './delivery-run.ts'
import { prepareDueMails } from './due-mails.usecases.ts'

/**
 * Sends the mails of one chunk that are due. A mail leaves only after the gate stored it as `sending` for this node and
 * this fence; its outcome is stored before the chunk is released.
 */
export async function deliverMailsOfChunk(context: WorkerContext, state: DeliveryState, job: ChunkJob): Promise<void> {
  await runChunk(context, job, 'mails', async (claimed) => {
    const [session, newestEventId] = await Promise.all([
      readSession(context.database, claimed.sessionId) as Promise<SessionRow>,
      lastEventId(context.database, claimed.sessionId),
    ])
    const run = beginRun(context, state, { claimed, session, lastEventId: newestEventId })
    try {
      // The run is in the state by now, so a hold that is stored later stops it; those that began earlier are waited for here.
      await Promise.all(state.holdsInProgress)
      if (run.stopped || (await holdIfBreakerOpen(context, claimed.sessionId))) return { idle: true }
      await sendAll(run, await prepareDueMails(context, claimed, session))
    } finally {
      state.runs.delete(run)
    }
    return { idle: run.recorded === 0 }
  })
}

/** Sends mails until none is left or the run may not continue; their outcomes are stored when the promise resolves. */
async function sendAll(run: DeliveryRun, mails: DueMail[]): Promise<void> {
  const next = mails.values()
  const count = Math.min(sendLoopsFor(run), mails.length)
  run.state.sendLoops += count
  const sendLoops = Array.from({ length: count }, async () => {
    for (const mail of next) {
      if (!mayContinue(run)) return
      if (await run.context.rateLimiter.acquire(mail.email)) await deliver(run, mail)
    }
  })
  try {
    await settleAll(sendLoops)
  } finally {
    run.state.sendLoops -= count
    await Promise.all(run.recording)
  }
  if (run.failure !== null) throw run.failure
}

/**
 * Returns how many mails of a run the sender is given at once: one for each connection, and one more for each, to be pipelined
 * behind it, as far as other runs leave room. More mails would only wait, and the garbage collector works longer on memory
 * that is kept for long.
 */
function sendLoopsFor({ context, state }: DeliveryRun): number {
  const { connections } = context.sender
  return Math.max(connections, 2 * connections - state.sendLoops)
}
