import {
  canTransition,
  runningStatuses,
  transitions,
  type SessionCommand,
  type Person,
  type Progress,
  type RetryRequest,
  type SettleRequest,
  type TransitionName,
} from '@rollcall/shared'
import type { Transaction } from '../../db/database.ts'
import { DomainError } from '../../errors.ts'
import { enqueue } from '../../jobs/queues.ts'
import { closeAllBreakers } from '../breaker/breaker.queries.ts'
import { unfinishedChunks } from '../chunks/chunks.queries.ts'
import { confirmByPerson, reopenMails } from '../chunks/items.queries.ts'
import type { ActivationDeps } from '../session/activation-deps.ts'
import { advance } from '../session/advance.queries.ts'
import { addEvent } from '../session/events.queries.ts'
import { presentProgress } from '../session/progress.presenter.ts'
import { sessionNotFound } from '../session/session.usecases.ts'
import { acceptCanaryAndFailures, capAcceptedFailures, readSession } from '../session/sessions.queries.ts'
import { enqueueChunks, enqueueSession } from '../starting/chunk-jobs.usecases.ts'

/** The participle that a sentence uses for a session after a command. */
const participles: Record<SessionCommand, string> = { pause: 'paused', resume: 'resumed', cancel: 'cancelled' }

/**
 * Pauses, resumes or cancels a session for a person. Once a pause or a cancel is answered, no mail passes the gate any
 * more. Throws NOT_POSSIBLE_NOW where the session's status does not allow the command; of two people who give different
 * commands at once, one comes second or is refused.
 */
export async function runCommand(
  deps: ActivationDeps,
  command: SessionCommand,
  sessionId: string,
  actor: Person,
): Promise<Progress> {
  const now = deps.now()
  const row = await deps.database.transaction(async (transaction) => {
    if (command === 'resume') {
      // A person who resumes a session wants the mail server to be tried. Breakers are locked before sessions, as by a hold.
      await closeAllBreakers(transaction)
      await acceptCanaryAndFailures(transaction, sessionId)
    }
    const moved = await advance(transaction, { sessionId, now, change: { transition: command, actor } })
    if (moved === null) throw await notPossible(transaction, sessionId, `be ${participles[command]}`)
    if (command === 'resume') await enqueueSession(deps, transaction, sessionId, now)
    if (command === 'cancel') {
      const jobs = (await unfinishedChunks(transaction, sessionId)).map((chunk) => ({ data: { sessionId, chunk } }))
      await enqueue(deps.boss, transaction, 'cancel', jobs)
    }
    return moved
  })
  deps.publish([sessionId], true)
  return presentProgress(row)
}

/** Makes failed or unconfirmed mails pending again, in the same session. Throws NOTHING_TO_RETRY where there are none. */
export async function retryMails(
  deps: ActivationDeps,
  sessionId: string,
  request: RetryRequest,
  actor: Person,
): Promise<Progress> {
  const now = deps.now()
  const row = await deps.database.transaction(async (transaction) => {
    const session = await readSession(transaction, sessionId)
    if (session === null) throw sessionNotFound()
    if (session.status === 'cancelled') throw await notPossible(transaction, sessionId, 'retry')
    const reopened = await reopenMails(transaction, { sessionId, state: request.mail, reason: request.reason ?? null })
    const items = reopened.reduce((sum, chunk) => sum + chunk.items, 0)
    if (items === 0)
      throw new DomainError(
        'NOTHING_TO_RETRY',
        `No mail of this session is ${request.mail}${request.reason ? ' for this reason' : ''}.`,
      )
    const details = { mail: request.mail, reason: request.reason ?? null, items }
    const deltas = request.mail === 'failed' ? { mailsFailed: -items } : { mailsUnconfirmed: -items }
    const moved = await advance(transaction, {
      sessionId,
      now,
      deltas,
      change: { transition: 'retry', actor, details },
    })
    if (moved === null || moved.status === 'cancelled') throw await notPossible(transaction, sessionId, 'retry')
    await capAcceptedFailures(transaction, sessionId)
    if (moved.status_before !== 'completed')
      await addEvent(transaction, { sessionId, at: now, type: 'retried', actor, details })
    if (runningStatuses.includes(moved.status)) {
      const chunks = reopened.map(({ chunk }) => ({ number: chunk, phase: 'mails' as const }))
      await enqueueChunks(deps.boss, transaction, sessionId, chunks, { mailNotBefore: null })
    }
    return moved
  })
  deps.publish([sessionId], true)
  return presentProgress(row)
}

/**
 * Marks all unconfirmed mails of a session as sent, because a person knows that they arrived, or takes the risk. This is
 * possible in every status. Throws NOTHING_TO_SETTLE where no mail is unconfirmed.
 */
export async function markMailsAsSent(
  deps: ActivationDeps,
  sessionId: string,
  request: SettleRequest,
  actor: Person,
): Promise<Progress> {
  const now = deps.now()
  const row = await deps.database.transaction(async (transaction) => {
    const items = await confirmByPerson(transaction, sessionId)
    const deltas = { mailsUnconfirmed: -items, mailsSent: items }
    const moved = await advance(transaction, { sessionId, now, deltas })
    if (moved === null) {
      if ((await readSession(transaction, sessionId)) === null) throw sessionNotFound()
      throw new DomainError('NOTHING_TO_SETTLE', 'No mail of this session is unconfirmed.')
    }
    await addEvent(transaction, { sessionId, at: now, type: 'settled', actor, details: { ...request, items } })
    return moved
  })
  deps.publish([sessionId], true)
  return presentProgress(row)
}

async function notPossible(transaction: Transaction, sessionId: string, what: string): Promise<DomainError> {
  const session = await readSession(transaction, sessionId)
  if (session === null) return sessionNotFound()
  return new DomainError('NOT_POSSIBLE_NOW', `This session is ${session.status}, so it cannot ${what}.`, {
    status: session.status,
    possible: (Object.keys(transitions) as TransitionName[]).filter(
      (name) => transitions[name].by === 'person' && canTransition(name, session.status),
    ),
  })
}
