import { createHash, randomInt } from 'node:crypto'
import { sql, type SQL } from 'drizzle-orm'
import type { PgBoss } from 'pg-boss'
import type { Person, Preview, Progress, Selection, SessionOptions, StartRequest } from '@rollcall/shared'
import type { Database, Queryable, Transaction } from '../../db/database.ts'
import { DomainError } from '../../errors.ts'
import { enqueue } from '../../jobs/queues.ts'
import { selectionCondition } from '../../leads/search/search.usecases.ts'
import { waitingChunks, type Phase } from '../session/waiting-chunks.queries.ts'
import { presentProgress } from '../session/progress.presenter.ts'
import {
  countSelection,
  insertItems,
  insertSession,
  readSession,
  sampleSelection,
  sealSession,
  unknownLeads,
} from '../session/sessions.queries.ts'
import type { SessionTemplate } from '../session/template.ts'

/** What the use cases of sessions need. */
export interface ActivationDeps {
  database: Database
  boss: PgBoss
  now: () => Date
  /** Tells everybody who watches that these sessions have a newer version; `urgent`: a status changed. Called after the commit. */
  publish: (sessionIds: string[], urgent: boolean) => void
}

/** Mails within this time count as recent in a preview. */
const recentDays = 7

/** What a selection would do, counted exactly; changes nothing. */
export async function previewSelection(database: Database, selection: Selection, now: Date): Promise<Preview> {
  await refuseUnknownLeads(database, selection)
  const selected = selectedLeads(selection)
  const since = new Date(now.getTime() - recentDays * 86_400_000)
  const [counts, sample] = await Promise.all([
    countSelection(database, selected, since),
    sampleSelection(database, selected),
  ])
  return {
    total: counts.total,
    willCreate: counts.will_create,
    active: counts.active,
    invited: counts.invited,
    invalid: counts.invalid,
    recentlyMailed: counts.recently_mailed,
    sample: sample.map((lead) => ({
      id: lead.id,
      email: lead.email,
      firstName: lead.first_name,
      lastName: lead.last_name,
    })),
  }
}

/**
 * Starts a session: session, items, chunks and jobs are stored in one transaction, or nothing is. The same id and body
 * again starts nothing and gives the current progress (`started` is false), however many ask at the same time.
 * Refuses the same id with another body, an empty selection, unknown leads and a start in the past.
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
    if (startAt === null) await enqueueWaiting(deps.boss, transaction, sessionId, null)
    else await enqueue(deps.boss, transaction, 'due', [{ data: { sessionId }, startAfter: startAt }])
    return sealSession(transaction, {
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

/**
 * Puts a job for every chunk of a session that nobody holds and that is not done. Mails wait for `mailNotBefore`.
 * More jobs than are needed do no harm.
 */
export async function enqueueWaiting(
  boss: PgBoss,
  transaction: Transaction,
  sessionId: string,
  mailNotBefore: Date | null,
): Promise<void> {
  await enqueueChunks(boss, transaction, sessionId, await waitingChunks(transaction, sessionId), { mailNotBefore })
}

/** The first chunks of every session come before the later ones of any, so a small session does not wait for a large one. */
function priorityOf(chunk: number): number {
  return -Math.floor(chunk / 4)
}

/** Puts a job for each of these chunks; `first`: before the jobs that wait already. */
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

/** The condition over the table `leads` that a selection stands for. */
function selectedLeads(selection: Selection): SQL {
  if ('ids' in selection) return sql`leads.id = ANY(${sql.param(selection.ids)}::uuid[])`
  const filter = selectionCondition(selection.filter)
  const except = selection.except ?? []
  return except.length === 0 ? filter : sql`(${filter}) AND leads.id <> ALL(${sql.param(except)}::uuid[])`
}

async function refuseUnknownLeads(database: Queryable, selection: Selection): Promise<void> {
  if (!('ids' in selection)) return
  const unknown = await unknownLeads(database, selection.ids)
  if (unknown.length > 0)
    throw new DomainError('LEADS_NOT_FOUND', 'Some of the selected leads do not exist; load the list again.', {
      ids: unknown,
    })
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

/** Small sessions in some steps, so that there is something to watch; large ones in chunks of 500. */
function chunkSize(total: number): number {
  return Math.min(500, Math.max(25, Math.ceil(total / 40)))
}

function newSessionId(now: Date): string {
  const letters = 'abcdefghijklmnopqrstuvwxyz0123456789'
  const random = Array.from({ length: 12 }, () => letters[randomInt(letters.length)]).join('')
  return `activation_${now.getTime()}_${random}`
}

/** SHA-256 of a value, whatever the order of its fields. */
function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value, sortedFields)).digest('hex')
}

function sortedFields(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/** A time of a row, or null. */
export function timeOrNull(value: string | null): Date | null {
  return value === null ? null : new Date(value)
}
