import type { Transaction } from '../../db/database.ts'
import type { ActivationDeps } from '../session/activation-deps.ts'
import { advance } from '../session/advance.queries.ts'
import { addEvent } from '../session/events.queries.ts'
import { clearOutdatedRates } from '../session/rate.queries.ts'
import { lockSession, type SessionRow } from '../session/sessions.queries.ts'
import { dateOrNull, enqueueChunks } from '../starting/chunk-jobs.usecases.ts'
import { resolveInFlight } from './items.queries.ts'
import { chunksWithoutJob, endClaimsOf, orphanedClaims } from './recovery.queries.ts'

/**
 * Frees the chunks that dead nodes had claimed, and puts a job for each. Their mails that were past the gate become
 * `unconfirmed`, or pending again where the session's policy is to resend. One transaction a session and node.
 */
export async function recoverOrphanedChunks(deps: ActivationDeps): Promise<void> {
  for (const orphaned of await orphanedClaims(deps.database)) {
    await deps.database.transaction((transaction) => recover(deps, transaction, orphaned))
    deps.publish([orphaned.sessionId], true)
  }
}

async function recover(
  deps: ActivationDeps,
  transaction: Transaction,
  orphaned: { sessionId: string; nodeId: string; nodeName: string },
): Promise<void> {
  const { sessionId } = orphaned
  const now = deps.now()
  const freed = await endClaimsOf(transaction, sessionId, orphaned.nodeId)
  if (freed.length === 0) return
  // Without this lock the session could be cancelled meanwhile, and its events could get ids against the order of the commits.
  const session = (await lockSession(transaction, sessionId)) as SessionRow
  // A mail of a cancelled session must not become pending again.
  const resend = session.options.unconfirmed === 'resend' && session.status !== 'cancelled'
  const state = resend ? 'pending' : 'unconfirmed'
  const numbers = freed.map((chunk) => chunk.number)
  const inFlight = await resolveInFlight(transaction, sessionId, numbers, { state, reason: 'worker_lost' })
  const moved = await advance(transaction, { sessionId, now, deltas: { mailsUnconfirmed: resend ? 0 : inFlight } })
  await addEvent(transaction, {
    sessionId,
    at: now,
    type: 'taken_over',
    cause: `The process "${orphaned.nodeName}" stopped in the middle of its work.`,
    details: { node: orphaned.nodeName, chunks: freed.length, inFlight, settledAs: state },
  })
  const status = moved?.status ?? session.status
  if (status !== 'running' && status !== 'queued') return
  const mailNotBefore = dateOrNull(session.mail_not_before)
  await enqueueChunks(deps.boss, transaction, sessionId, freed, { mailNotBefore, first: true })
}

/**
 * Reconciles what is stored with what should be: clears rates that are outdated, and puts jobs for chunks that have work and
 * no job. Returns how many chunks those were.
 */
export async function reconcile(deps: ActivationDeps): Promise<number> {
  deps.publish(await clearOutdatedRates(deps.database, deps.now()), false)
  const withoutJob = await chunksWithoutJob(deps.database)
  for (const [sessionId, chunks] of Map.groupBy(withoutJob, (chunk) => chunk.sessionId)) {
    const mailNotBefore = dateOrNull(chunks[0]?.mailNotBefore ?? null)
    await deps.database.transaction((transaction) =>
      enqueueChunks(deps.boss, transaction, sessionId, chunks, { mailNotBefore }),
    )
  }
  return withoutJob.length
}
