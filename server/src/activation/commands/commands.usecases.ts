import {
  canTransition,
  holdReasons,
  transitions,
  type HoldReason,
  type SessionCommand,
  type Person,
  type Progress,
  type RetryRequest,
  type SettleRequest,
} from '@rollcall/shared'
import type { Queryable, Transaction } from '../../db/database.ts'
import { DomainError } from '../../errors.ts'
import { enqueue } from '../../jobs/queues.ts'
import { freeServers } from '../breaker/breaker.queries.ts'
import { unfinishedChunks, lockChunk } from '../chunks/chunks.queries.ts'
import { cancelPending, confirmByActivation, confirmByPerson, reopenMails } from '../chunks/items.queries.ts'
import { presentProgress, type ProgressRow } from '../session/progress.presenter.ts'
import { acceptWhatWasSeen, addEvent, advance, delayFromNow, forgetAccepted } from '../session/advance.queries.ts'
import { readSession, type SessionRow } from '../session/sessions.queries.ts'
import { enqueueChunks, enqueueWaiting, timeOrNull, type ActivationDeps } from '../starting/start.usecases.ts'

const doneWords: Record<SessionCommand, string> = { pause: 'paused', resume: 'resumed', cancel: 'cancelled' }

/**
 * Pauses, resumes or cancels a session for a person. After the answer to a pause or a cancel no mail passes the gate any
 * more. Refuses with 409 what the session's status does not allow; of two people who press different buttons at once, one
 * is refused or comes second.
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
      // A person who resumes has mended it, or wants it tried. Before the session, as whoever holds one locks them.
      await freeServers(transaction)
      await acceptWhatWasSeen(transaction, sessionId)
    }
    const moved = await advance(transaction, { sessionId, now, change: { transition: command, actor } })
    if (moved === null) throw await notPossible(transaction, sessionId, `be ${doneWords[command]}`)
    if (command === 'resume') await goOn(deps, transaction, sessionId, now)
    if (command === 'cancel') {
      const jobs = (await unfinishedChunks(transaction, sessionId)).map((chunk) => ({ data: { sessionId, chunk } }))
      await enqueue(deps.boss, transaction, 'cancel', jobs)
    }
    return moved
  })
  deps.publish([sessionId], true)
  return presentProgress(row)
}

/** Makes failed or unconfirmed mails pending again, in the same session. Refuses where there are none. */
export async function retryMails(
  deps: ActivationDeps,
  sessionId: string,
  request: RetryRequest,
  actor: Person,
): Promise<Progress> {
  const now = deps.now()
  const row = await deps.database.transaction(async (transaction) => {
    const session = await readSession(transaction, sessionId)
    if (session === null) throw unknownSession()
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
    await forgetAccepted(transaction, sessionId)
    if (moved.status_before !== 'completed')
      await addEvent(transaction, { sessionId, at: now, type: 'retried', actor, details })
    if (moved.status === 'running' || moved.status === 'queued') {
      const chunks = reopened.map(({ chunk }) => ({ number: chunk, phase: 'mails' as const }))
      await enqueueChunks(deps.boss, transaction, sessionId, chunks, { mailNotBefore: null })
    }
    return moved
  })
  deps.publish([sessionId], true)
  return presentProgress(row)
}

/**
 * Calls all unconfirmed mails of a session sent, because a person knows that they arrived, or takes the risk. Possible in
 * every status; refuses where there are none.
 */
export async function settleMails(
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
      if ((await readSession(transaction, sessionId)) === null) throw unknownSession()
      throw new DomainError('NOTHING_TO_SETTLE', 'No mail of this session is unconfirmed.')
    }
    await addEvent(transaction, { sessionId, at: now, type: 'settled', actor, details: { ...request, items } })
    return moved
  })
  deps.publish([sessionId], true)
  return presentProgress(row)
}

/** Stops a session by itself, with a reason; nothing when its status does not allow it. `cause` is what was seen. */
export async function holdSession(
  deps: ActivationDeps,
  sessionId: string,
  reason: HoldReason,
  cause: string | null,
): Promise<void> {
  if (await storeHold(deps.database, { sessionId, now: deps.now(), reason, cause })) deps.publish([sessionId], true)
}

/** What `holdSession` stores; false when the session's status does not allow it. The caller publishes after the commit. */
export async function storeHold(
  database: Queryable,
  hold: { sessionId: string; now: Date; reason: HoldReason; cause: string | null },
): Promise<boolean> {
  const { sessionId, now, reason, cause } = hold
  const change = { transition: 'hold' as const, reason, cause: cause ?? holdReasons[reason], details: { reason } }
  return (await advance(database, { sessionId, now, change })) !== null
}

/** Lets a session that held itself go on, because what had stopped it is gone. */
export async function recoverSession(
  deps: ActivationDeps,
  sessionId: string,
  heldFor: HoldReason,
  cause: string,
): Promise<void> {
  const now = deps.now()
  const recovered = await deps.database.transaction(async (transaction) => {
    const moved = await advance(transaction, {
      sessionId,
      now,
      change: { transition: 'recover', cause, heldFor },
    })
    if (moved !== null) await goOn(deps, transaction, sessionId, now)
    return moved !== null
  })
  if (recovered) deps.publish([sessionId], true)
}

/** Cancels what is pending in one chunk of a cancelled session. */
export async function cancelChunk(deps: ActivationDeps, sessionId: string, chunk: number): Promise<void> {
  await deps.database.transaction(async (transaction) => {
    const locked = await lockChunk(transaction, sessionId, chunk)
    const session = await readSession(transaction, sessionId)
    if (locked === null || session?.status !== 'cancelled') return
    await advance(transaction, { sessionId, now: deps.now(), deltas: await cancelPending(transaction, locked) })
  })
  deps.publish([sessionId], false)
}

/** A start that is later than this, because nothing was running at its time, waits for a person. */
const lateAfter = 5 * 60_000

/** A scheduled session's time came: it starts, or, when its time passed while nothing was running, holds for a person. */
export async function startDue(deps: ActivationDeps, sessionId: string): Promise<void> {
  const now = deps.now()
  const session = await readSession(deps.database, sessionId)
  const late = now.getTime() - new Date(session?.options.startAt ?? now).getTime() > lateAfter
  if (late && session?.status === 'scheduled') {
    await holdSession(deps, sessionId, 'late_start', null)
    return
  }
  await deps.database.transaction(async (transaction) => {
    const moved = await advance(transaction, { sessionId, now, change: { transition: 'due' } })
    if (moved !== null) await goOn(deps, transaction, sessionId, now)
  })
  deps.publish([sessionId], true)
}

/** A person has an account now: the mails to it that nobody could be sure of have arrived. Runs in the caller's transaction. */
export async function confirmArrival(transaction: Transaction, accountId: string, now: Date): Promise<string[]> {
  const confirmed = await confirmByActivation(transaction, accountId)
  for (const { session_id, items } of confirmed)
    await advance(transaction, { sessionId: session_id, now, deltas: { mailsUnconfirmed: -items, mailsSent: items } })
  return confirmed.map((each) => each.session_id)
}

async function goOn(deps: ActivationDeps, transaction: Transaction, sessionId: string, now: Date): Promise<void> {
  await delayFromNow(transaction, sessionId, now)
  const session = (await readSession(transaction, sessionId)) as SessionRow
  const mailNotBefore = timeOrNull(session.mail_not_before)
  await enqueueWaiting(deps.boss, transaction, sessionId, mailNotBefore)
}

/** The refusal of a session that does not exist. */
export function unknownSession(): DomainError {
  return new DomainError('SESSION_NOT_FOUND', 'No session has this id.')
}

async function notPossible(transaction: Transaction, sessionId: string, what: string): Promise<DomainError> {
  const session: ProgressRow | null = await readSession(transaction, sessionId)
  if (session === null) return unknownSession()
  return new DomainError('NOT_POSSIBLE_NOW', `This session is ${session.status}, so it cannot ${what}.`, {
    status: session.status,
    possible: Object.keys(transitions).filter(
      (name) =>
        transitions[name as SessionCommand].by === 'person' && canTransition(name as SessionCommand, session.status),
    ),
  })
}
