import type { PgBoss } from 'pg-boss'
import type { Transaction } from '../../db/database.ts'
import { enqueue } from '../../jobs/queues.ts'
import type { ActivationDeps } from '../session/activation-deps.ts'
import { readSession, restartMailDelay, type SessionRow } from '../session/sessions.queries.ts'
import { waitingChunks, type Phase } from '../session/waiting-chunks.queries.ts'

/** Puts the jobs by which a session begins or continues, in the transaction that changed its status. */
export async function enqueueSession(
  deps: Pick<ActivationDeps, 'boss'>,
  transaction: Transaction,
  sessionId: string,
  now: Date,
): Promise<void> {
  await restartMailDelay(transaction, sessionId, now)
  const session = (await readSession(transaction, sessionId)) as SessionRow
  await enqueueWaitingChunks(deps.boss, transaction, sessionId, dateOrNull(session.mail_not_before))
}

/**
 * Puts a job for every chunk of a session that no worker has claimed and that is not done. Jobs for mails start at
 * `mailNotBefore`. A job too many does no harm.
 */
export async function enqueueWaitingChunks(
  boss: PgBoss,
  transaction: Transaction,
  sessionId: string,
  mailNotBefore: Date | null,
): Promise<void> {
  await enqueueChunks(boss, transaction, sessionId, await waitingChunks(transaction, sessionId), { mailNotBefore })
}

/** The first chunks of every session come before the later ones of any, so that a small session does not wait for a large one. */
function priorityOf(chunk: number): number {
  return -Math.floor(chunk / 4)
}

/**
 * Puts a job for each of these chunks. Jobs for mails start at `mailNotBefore`; with `first`, the jobs come before those
 * that wait already.
 */
export async function enqueueChunks(
  boss: PgBoss,
  transaction: Transaction,
  sessionId: string,
  waiting: { number: number; phase: Phase }[],
  options: { mailNotBefore: Date | null; first?: boolean },
): Promise<void> {
  for (const phase of ['accounts', 'mails'] as const) {
    const jobs = waiting
      .filter((chunk) => chunk.phase === phase)
      .map((chunk) => ({
        data: { sessionId, chunk: chunk.number },
        startAfter: phase === 'mails' ? options.mailNotBefore : null,
        priority: options.first === true ? 1 : priorityOf(chunk.number),
      }))
    await enqueue(boss, transaction, phase, jobs)
  }
}

/** Returns a time as SQL gives it as a Date; null stays null. */
export function dateOrNull(value: string | null): Date | null {
  return value === null ? null : new Date(value)
}
