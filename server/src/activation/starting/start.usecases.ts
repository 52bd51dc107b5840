import { createHash, randomInt } from 'node:crypto'
import type { Person, Progress, SessionOptions, StartRequest } from '@rollcall/shared'
import { DomainError } from '../../errors.ts'
import { enqueue } from '../../jobs/queues.ts'
import type { ActivationDeps } from '../session/activation-deps.ts'
import { presentProgress } from '../session/progress.presenter.ts'
import { readSession } from '../session/sessions.queries.ts'
import type { SessionTemplate } from '../session/template.ts'
import { enqueueWaitingChunks } from './chunk-jobs.usecases.ts'
import { refuseUnknownLeads, selectedLeads } from './selection.usecases.ts'
import { insertItems, insertSession, storeFirstProgress } from './start.queries.ts'

/**
 * Starts a session: session, items, chunks and jobs are stored in one transaction, or nothing is. The same id and body
 * again start nothing and return the current progress (`started` is false), however many ask at the same time. Throws
 * SESSION_EXISTS for the same id with another body, EMPTY_SELECTION, LEADS_NOT_FOUND and START_IN_THE_PAST.
 */
export async function startSession(
  deps: ActivationDeps,
  request: StartRequest,
  options: { actor: Person; template: SessionTemplate },
): Promise<{ progress: Progress; started: boolean }> {
  const now = deps.now()
  const sessionId = request.sessionId ?? newSessionId(now)
  const requestDigest = digestOf({ selection: request.selection, options: request.options ?? {} })
  const earlier = await readSession(deps.database, sessionId)
  if (earlier !== null) return { progress: presentProgress(sameRequest(earlier, requestDigest)), started: false }
  const settings = { mail: true, remind: false, unconfirmed: 'hold' as const, ...request.options }
  const startAt = startTime(settings, now)
  const row = await deps.database.transaction(async (transaction) => {
    const isNew = await insertSession(transaction, {
      id: sessionId,
      status: startAt === null ? 'queued' : 'scheduled',
      selection: request.selection,
      options: settings,
      requestDigest,
      template: options.template,
      startedBy: options.actor,
      mailNotBefore: mailTime(settings, startAt ?? now),
      canary: settings.canary ?? null,
      failureShare: options.template.failureShare,
      now,
    })
    if (!isNew) return null
    await refuseUnknownLeads(transaction, request.selection)
    const selected = selectedLeads(request.selection)
    const total = await insertItems(transaction, { sessionId, selected, chunkSize })
    if (total === 0) throw new DomainError('EMPTY_SELECTION', 'No lead is selected, so there is nothing to activate.')
    if (startAt === null) await enqueueWaitingChunks(deps.boss, transaction, sessionId, null)
    else await enqueue(deps.boss, transaction, 'due', [{ data: { sessionId }, startAfter: startAt }])
    return storeFirstProgress(transaction, {
      sessionId,
      total,
      actor: options.actor,
      now,
      details: { total, options: settings },
    })
  })
  if (row === null) {
    const other = await readSession(deps.database, sessionId)
    if (other === null)
      throw new DomainError('SESSION_EXISTS', 'A session with this id was just being started; try again.')
    return { progress: presentProgress(sameRequest(other, requestDigest)), started: false }
  }
  deps.publish([sessionId], true)
  return { progress: presentProgress(row), started: true }
}

function sameRequest<Row extends { request_digest: string }>(earlier: Row, requestDigest: string): Row {
  if (earlier.request_digest !== requestDigest)
    throw new DomainError(
      'SESSION_EXISTS',
      'There is a session with this id already, with another selection or other options.',
    )
  return earlier
}

function startTime(options: SessionOptions, now: Date): Date | null {
  if (options.startAt === undefined) return null
  const startAt = new Date(options.startAt)
  if (startAt <= now)
    throw new DomainError('START_IN_THE_PAST', 'The start time has passed; choose a later one, or none to start now.')
  return startAt
}

function mailTime(options: SessionOptions, start: Date): Date | null {
  return options.delaySeconds ? new Date(start.getTime() + options.delaySeconds * 1000) : null
}

/** Cuts small sessions into some 40 chunks, so that their progress is seen in steps, and large ones into chunks of 500. */
function chunkSize(total: number): number {
  return Math.min(500, Math.max(25, Math.ceil(total / 40)))
}

function newSessionId(now: Date): string {
  const letters = 'abcdefghijklmnopqrstuvwxyz0123456789'
  const random = Array.from({ length: 12 }, () => letters[randomInt(letters.length)]).join('')
  return `activation_${now.getTime()}_${random}`
}

/** Returns the SHA-256 of a value, which is the same in whatever order its fields are. */
function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value, sortedFields)).digest('hex')
}

function sortedFields(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
