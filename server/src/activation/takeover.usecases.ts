import type { Transaction } from '../db/database.ts'
import { abandonedChunks, freeChunks, settleInFlight } from './takeover.queries.ts'
import { addEvent, advance } from './progress.queries.ts'
import { enqueueWaiting, type ActivationParts } from './sessions.usecases.ts'
import { readSession, type SessionRow } from './sessions.queries.ts'

/**
 * Hands over what dead nodes held: mails that were past the gate become `unconfirmed` (or pending again where the
 * session's policy is to resend), their chunks become free, and get a job. One transaction a session and node.
 */
export async function takeOverAbandoned(parts: ActivationParts): Promise<void> {
  const abandoned = await abandonedChunks(parts.database)
  for (const { sessionId, nodeId, nodeName } of abandoned) {
    await parts.database.transaction((transaction) => takeOver(parts, transaction, { sessionId, nodeId, nodeName }))
    parts.ring([sessionId], true)
  }
}

async function takeOver(
  parts: ActivationParts,
  transaction: Transaction,
  dead: { sessionId: string; nodeId: string; nodeName: string },
): Promise<void> {
  const { sessionId } = dead
  const now = parts.now()
  const freed = await freeChunks(transaction, sessionId, dead.nodeId)
  if (freed.length === 0) return
  const session = (await readSession(transaction, sessionId)) as SessionRow
  const resend = session.options.unconfirmed === 'resend'
  const inFlight = await settleInFlight(transaction, sessionId, freed, resend ? 'pending' : 'unconfirmed')
  const moved = await advance(transaction, { sessionId, now, deltas: { mailsUnconfirmed: resend ? 0 : inFlight } })
  await addEvent(transaction, {
    sessionId,
    at: now,
    type: 'taken_over',
    cause: `The process "${dead.nodeName}" stopped in the middle of its work.`,
    details: { node: dead.nodeName, chunks: freed.length, inFlight, settledAs: resend ? 'pending' : 'unconfirmed' },
  })
  const status = moved?.status ?? session.status
  const mailNotBefore = session.mail_not_before === null ? null : new Date(session.mail_not_before)
  if (status === 'running' || status === 'queued')
    await enqueueWaiting(parts.boss, transaction, sessionId, mailNotBefore)
}
