import type { Transaction } from '../../db/database.ts'
import { abandonedChunks, freeChunks, settleInFlight, strandedChunks } from './recovery.queries.ts'
import { advance } from '../session/advance.queries.ts'
import { addEvent } from '../session/events.queries.ts'
import { clearOutdatedRates } from '../session/rate.queries.ts'
import { enqueueChunks, dateOrNull } from '../starting/chunk-jobs.usecases.ts'
import type { ActivationDeps } from '../session/activation-deps.ts'
import { lockSession, type SessionRow } from '../session/sessions.queries.ts'

/**
 * Hands over what dead nodes held: mails that were past the gate become `unconfirmed` (or pending again where the
 * session's policy is to resend), their chunks become free, and get a job. One transaction a session and node.
 */
export async function takeOverAbandoned(deps: ActivationDeps): Promise<void> {
  const abandoned = await abandonedChunks(deps.database)
  for (const { sessionId, nodeId, nodeName } of abandoned) {
    await deps.database.transaction((transaction) => takeOver(deps, transaction, { sessionId, nodeId, nodeName }))
    deps.publish([sessionId], true)
  }
}

async function takeOver(
  deps: ActivationDeps,
  transaction: Transaction,
  dead: { sessionId: string; nodeId: string; nodeName: string },
): Promise<void> {
  const { sessionId } = dead
  const now = deps.now()
  const freed = await freeChunks(transaction, sessionId, dead.nodeId)
  if (freed.length === 0) return
  // Locked, or it could be cancelled in between, and its event could be told before one that comes earlier.
  const session = (await lockSession(transaction, sessionId)) as SessionRow
  // Nothing of a cancelled session may be pending again.
  const resend = session.options.unconfirmed === 'resend' && session.status !== 'cancelled'
  const state = resend ? 'pending' : 'unconfirmed'
  const numbers = freed.map((chunk) => chunk.number)
  const inFlight = await settleInFlight(transaction, sessionId, numbers, { state, reason: 'worker_lost' })
  const moved = await advance(transaction, { sessionId, now, deltas: { mailsUnconfirmed: resend ? 0 : inFlight } })
  await addEvent(transaction, {
    sessionId,
    at: now,
    type: 'taken_over',
    cause: `The process "${dead.nodeName}" stopped in the middle of its work.`,
    details: { node: dead.nodeName, chunks: freed.length, inFlight, settledAs: state },
  })
  const status = moved?.status ?? session.status
  if (status !== 'running' && status !== 'queued') return
  const mailNotBefore = dateOrNull(session.mail_not_before)
  await enqueueChunks(deps.boss, transaction, sessionId, freed, { mailNotBefore, first: true })
}

/**
 * What nothing else would notice: forgets rates that say nothing any more, and puts jobs for chunks that have none
 * although they should; gives how many those were.
 */
export async function mend(deps: ActivationDeps): Promise<number> {
  deps.publish(await clearOutdatedRates(deps.database, deps.now()), false)
  return mendStranded(deps)
}

async function mendStranded(deps: ActivationDeps): Promise<number> {
  const stranded = await strandedChunks(deps.database)
  for (const [sessionId, chunks] of Map.groupBy(stranded, (chunk) => chunk.sessionId)) {
    const mailNotBefore = dateOrNull(chunks[0]?.mailNotBefore ?? null)
    await deps.database.transaction((transaction) =>
      enqueueChunks(deps.boss, transaction, sessionId, chunks, { mailNotBefore }),
    )
  }
  return stranded.length
}
