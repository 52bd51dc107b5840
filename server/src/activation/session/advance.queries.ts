import { sql, type SQL } from 'drizzle-orm'
import type { EventType, HoldReason, Person, SessionStatus, TransitionName } from '@rollcall/shared'
import { holdReasons, transitions } from '@rollcall/shared'
import { rowsOf, type Queryable } from '../../db/database.ts'
import type { ProgressRow } from './progress.presenter.ts'

/** How much each counter moves; what is not named stays. Pending falls by the sum of the others. */
export interface Deltas {
  accountsCreated?: number
  accountsExisting?: number
  accountsFailed?: number
  accountsCancelled?: number
  mailsSent?: number
  mailsFailed?: number
  mailsUnconfirmed?: number
  mailsSkipped?: number
  mailsCancelled?: number
}

/** A change of status, and what its event says. */
export interface StatusChange {
  transition: TransitionName
  actor?: Person | null
  reason?: HoldReason | null
  cause?: string | null
  details?: Record<string, unknown>
  /** Only while the session is held for this reason. */
  heldFor?: HoldReason
}

/** A session's row after a move. */
export type MovedRow = ProgressRow & { status_before: SessionStatus }

export interface Advance {
  sessionId: string
  now: Date
  deltas?: Deltas
  change?: StatusChange
}

const deltaColumns = [
  'accounts_created',
  'accounts_existing',
  'accounts_failed',
  'accounts_cancelled',
  'mails_sent',
  'mails_failed',
  'mails_unconfirmed',
  'mails_skipped',
  'mails_cancelled',
] as const

/** Deltas out of the rows that the part `settled` of a statement returns: for each counter, which of them it counts. */
export function deltasOfSettled(counted: Partial<Record<(typeof deltaColumns)[number], SQL>>): SQL {
  const counts = deltaColumns.map((column) => {
    const which = counted[column]
    return sql`${which === undefined ? sql`0` : sql`(count(*) FILTER (WHERE ${which}))::int`} AS ${sql.raw(column)}`
  })
  return sql`SELECT ${sql.join(counts, sql`, `)} FROM settled`
}

function deltaRow(deltas: Deltas): SQL {
  return sql`SELECT ${deltas.accountsCreated ?? 0}::int AS accounts_created, ${deltas.accountsExisting ?? 0}::int AS accounts_existing,
    ${deltas.accountsFailed ?? 0}::int AS accounts_failed, ${deltas.accountsCancelled ?? 0}::int AS accounts_cancelled,
    ${deltas.mailsSent ?? 0}::int AS mails_sent, ${deltas.mailsFailed ?? 0}::int AS mails_failed,
    ${deltas.mailsUnconfirmed ?? 0}::int AS mails_unconfirmed, ${deltas.mailsSkipped ?? 0}::int AS mails_skipped,
    ${deltas.mailsCancelled ?? 0}::int AS mails_cancelled`
}

const progressColumns = [
  'version',
  'status',
  'reason',
  ...deltaColumns,
  'accounts_pending',
  'mails_pending',
  'rate',
  'rate_samples',
  'started_at',
  'updated_at',
  'finished_at',
]
/** What a progress is presented from: not the selection and the template, which may be large. */
const rowColumns = ['id', 'total', 'started_by_id', 'started_by_name', 'created_at', ...progressColumns]
export const progressSelection = sql.raw(rowColumns.join(', '))

const accountsMoved = sql.raw(
  deltaColumns
    .filter((column) => column.startsWith('accounts'))
    .map((c) => `delta.${c}`)
    .join(' + '),
)
const mailsMoved = sql.raw(
  deltaColumns
    .filter((column) => column.startsWith('mails'))
    .map((c) => `delta.${c}`)
    .join(' + '),
)
const countersMoved = sql.raw(deltaColumns.map((c) => `${c} = session.${c} + delta.${c}`).join(', '))
const anythingMoved = sql.raw(deltaColumns.map((c) => `delta.${c} <> 0`).join(' OR '))
const mailsTried = sql.raw(
  ['sent', 'failed', 'unconfirmed'].map((c) => `session.mails_${c} + delta.mails_${c}`).join(' + '),
)

/** So many mails must have been tried before a share of failures says anything. */
const triedBeforeShare = 50
/** Without the failures that a person has seen and gone on from: from then on it is counted anew. */
const triedSince = sql`(${mailsTried} - session.failures_accepted)`
const tooManyFail = sql`(delta.mails_failed > 0 AND ${triedSince} >= ${triedBeforeShare} AND session.failure_share IS NOT NULL
  AND session.mails_failed + delta.mails_failed - session.failures_accepted > session.failure_share * ${triedSince})`

/** Seconds between two stored snapshots, and between two measurements of the rate. */
const snapshotSeconds = 1
/** A measurement after a longer gap says nothing of the rate now. */
const rateGapSeconds = 15

/**
 * What alone moves a session's counters and status (a version is also raised by `forgetOldRates`). In one statement it
 * applies the deltas, completes the session when nothing is pending, raises the version, and stores the snapshot and the event that belong
 * to it; so the row's lock makes the order of versions the order of commits. Gives the new row, or null when nothing
 * changed (no delta, or a transition that is not allowed in the status that the row has now).
 */
export async function advance(database: Queryable, options: Advance): Promise<MovedRow | null> {
  const { sessionId, now, change } = options
  const parts = advanceParts({
    sessionId: sql`${sessionId}`,
    time: sql`${now.toISOString()}::timestamptz`,
    deltas: deltaRow(options.deltas ?? {}),
    change,
  })
  const rows = await rowsOf<MovedRow>(database, sql`WITH ${parts} SELECT * FROM moved`)
  return rows[0] ?? null
}

/**
 * `advance` as the last parts of a WITH, for a statement in which the deltas come from what it changes before: `deltas`
 * selects one row with every delta as a column of its name. The part `moved` has the new row, if anything moved.
 */
export function advanceParts(options: { sessionId: SQL; time: SQL; deltas: SQL; change?: StatusChange }): SQL {
  const { sessionId, time, deltas, change } = options
  const rule = change === undefined ? null : transitions[change.transition]
  const heldFor = change?.heldFor === undefined ? sql`` : sql` AND session.reason = ${change.heldFor}`
  const allowed = rule === null ? sql`false` : sql`(session.status IN (${words(rule.from)})${heldFor})`
  return sql`delta AS MATERIALIZED (${deltas}),
    next AS MATERIALIZED (
      SELECT session.id AS session_id, session.status AS status_before, delta.*,
        CASE WHEN ${allowed} THEN ${rule?.to ?? null}::text ELSE session.status END AS status_asked,
        (${allowed}) AS changes,
        session.accounts_pending - (${accountsMoved}) = 0 AND session.mails_pending - (${mailsMoved}) = 0 AS nothing_pending,
        coalesce(session.mails_sent + delta.mails_sent >= session.canary, false) AS canary_reached,
        ${tooManyFail} AS too_many_failures
      -- Lateral, so that whatever the deltas come from is locked and changed before the session.
      FROM delta CROSS JOIN LATERAL (
        SELECT * FROM sessions WHERE id = ${sessionId} AND delta.mails_sent IS NOT NULL FOR NO KEY UPDATE
      ) session
      WHERE (${anythingMoved}) OR (${allowed})
    ),
    moved AS (
      UPDATE sessions session SET ${countersMoved},
        accounts_pending = session.accounts_pending - (${accountsMoved}),
        mails_pending = session.mails_pending - (${mailsMoved}),
        version = session.version + 1,
        updated_at = ${time},
        status = ${finalStatus},
        reason = CASE WHEN ${finalStatus} = 'held' THEN
          CASE WHEN delta.status_asked = 'running' AND delta.too_many_failures THEN 'too_many_failures'
            WHEN delta.status_asked = 'running' THEN 'canary' WHEN delta.changes THEN ${change?.reason ?? null}::text ELSE session.reason END
        END,
        started_at = CASE WHEN ${finalStatus} IN ('running', 'completed') THEN coalesce(session.started_at, ${time}) ELSE session.started_at END,
        finished_at = CASE WHEN ${finalStatus} IN ('completed', 'cancelled') THEN coalesce(session.finished_at, ${time}) END,
        snapshot_at = CASE WHEN ${snapshotDue(time)} THEN ${time} ELSE session.snapshot_at END,
        ${rateAssignments(time)}
      FROM next delta
      WHERE session.id = delta.session_id
      RETURNING ${sql.raw(rowColumns.map((column) => `session.${column}`).join(', '))}, session.snapshot_at, delta.status_before, delta.changes
    ),
    stored AS (
      INSERT INTO snapshots (session_id, ${sql.raw(progressColumns.join(', '))})
      SELECT id, ${sql.raw(progressColumns.join(', '))} FROM moved WHERE snapshot_at = ${time}
    ),
    told AS (
      INSERT INTO events (session_id, at, type, actor_id, actor_name, cause, details)
      SELECT id, ${time}, ${rule?.event ?? ''}::text, ${change?.actor?.id ?? null}::text, ${change?.actor?.name ?? null}::text,
        ${change?.cause ?? change?.reason ?? null}::text, ${JSON.stringify(change?.details ?? {})}::jsonb FROM moved WHERE changes
      UNION ALL
      SELECT id, ${time}, 'completed', NULL, NULL, NULL, '{}'::jsonb FROM moved
      WHERE status = 'completed' AND status_before <> 'completed'
      UNION ALL
      SELECT id, ${time}, 'held', NULL, NULL, CASE reason WHEN 'canary' THEN ${holdReasons.canary} ELSE ${holdReasons.too_many_failures} END,
        jsonb_build_object('reason', reason, 'failed', mails_failed, 'sent', mails_sent) FROM moved
      WHERE status = 'held' AND status_before <> 'held' AND NOT changes
    )`
}

/** Stores an event that is not a change of status. */
export async function addEvent(
  database: Queryable,
  event: {
    sessionId: string
    at: Date
    type: EventType
    actor?: Person | null
    cause?: string | null
    details?: Record<string, unknown>
  },
): Promise<void> {
  await database.execute(sql`INSERT INTO events (session_id, at, type, actor_id, actor_name, cause, details)
    VALUES (${event.sessionId}, ${event.at.toISOString()}::timestamptz, ${event.type}, ${event.actor?.id ?? null}, ${event.actor?.name ?? null},
      ${event.cause ?? null}, ${JSON.stringify(event.details ?? {})}::jsonb)`)
}

/**
 * Forgets the rate of running sessions in which nothing has happened for a while, because all their mails wait for a
 * next try: what is left cannot be told from it. Gives their ids.
 */
export async function forgetOldRates(database: Queryable, now: Date): Promise<string[]> {
  const rows = await rowsOf<{ id: string }>(
    database,
    sql`UPDATE sessions SET rate = NULL, rate_samples = 0, version = version + 1, updated_at = ${now.toISOString()}::timestamptz
      WHERE id IN (
        SELECT id FROM sessions WHERE status = 'running' AND rate IS NOT NULL
          AND updated_at < ${now.toISOString()}::timestamptz - make_interval(secs => ${rateGapSeconds})
        ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
      ) RETURNING id`,
  )
  return rows.map((row) => row.id)
}

/** A person has seen the first mails and the failures so far: the session does not hold for them again. */
export async function acceptWhatWasSeen(database: Queryable, sessionId: string): Promise<void> {
  await database.execute(
    sql`UPDATE sessions SET canary = CASE WHEN mails_sent < canary THEN canary END, failures_accepted = mails_failed
      WHERE id = ${sessionId} AND status IN ('paused', 'held')`,
  )
}

/** Failures that are tried again are no longer failures that a person has accepted. */
export async function forgetAccepted(database: Queryable, sessionId: string): Promise<void> {
  await database.execute(
    sql`UPDATE sessions SET failures_accepted = mails_failed WHERE id = ${sessionId} AND failures_accepted > mails_failed`,
  )
}

/** A session that begins now has the whole delay before its first mail, whenever it was to begin; one that goes on has what is left. */
export async function delayFromNow(database: Queryable, sessionId: string, now: Date): Promise<void> {
  const time = sql`${now.toISOString()}::timestamptz`
  await database.execute(
    sql`UPDATE sessions SET mail_not_before = ${time} + make_interval(secs => (options->>'delaySeconds')::int)
      WHERE id = ${sessionId} AND mail_not_before IS NOT NULL AND coalesce(started_at, ${time}) = ${time}`,
  )
}

/**
 * Completed as soon as nothing is pending, whatever was asked for in the same moment; held as soon as the first mails
 * that were asked for are sent.
 */
const finalStatus = sql`(CASE WHEN delta.nothing_pending AND delta.status_asked IN (${words(transitions.complete.from)}) THEN 'completed'
  WHEN (delta.canary_reached OR delta.too_many_failures) AND delta.status_asked = 'running' THEN 'held' ELSE delta.status_asked END)`

function snapshotDue(time: SQL): SQL {
  return sql`(${finalStatus} <> session.status OR session.snapshot_at <= ${time} - make_interval(secs => ${snapshotSeconds}))`
}

/** The rate is measured with each snapshot of a running session and smoothed; it is forgotten when the session stops. */
function rateAssignments(time: SQL): SQL {
  const seconds = sql`extract(epoch FROM ${time} - session.snapshot_at)`
  // Mails that were made pending again take away from what was tried; that is no speed.
  const measured = sql`(greatest(${mailsTried} - session.rate_done, 0) / ${seconds})`
  const running = sql`${finalStatus} = 'running' AND session.status = 'running'`
  const usable = sql`${seconds} BETWEEN ${snapshotSeconds} AND ${rateGapSeconds}`
  const due = snapshotDue(time)
  return sql`rate = CASE WHEN NOT (${running}) THEN NULL WHEN NOT ${due} THEN session.rate
      WHEN NOT (${usable}) OR (session.rate IS NULL AND ${measured} = 0) THEN NULL WHEN session.rate IS NULL THEN ${measured} ELSE session.rate * 0.7 + ${measured} * 0.3 END,
    rate_samples = CASE WHEN NOT (${running}) THEN 0 WHEN NOT ${due} THEN session.rate_samples
      WHEN NOT (${usable}) OR (session.rate IS NULL AND ${measured} = 0) THEN 0 ELSE least(session.rate_samples + 1, 1000) END,
    rate_done = CASE WHEN ${due} THEN ${mailsTried} ELSE least(session.rate_done, ${mailsTried}) END`
}

/** A list for IN, from words of the contract. */
function words(list: readonly string[]): SQL {
  return sql.join(
    list.map((word) => sql`${word}`),
    sql`, `,
  )
}

/** The progress of these sessions, as it is stored now. */
export async function readProgress(database: Queryable, sessionIds: readonly string[]): Promise<ProgressRow[]> {
  return rowsOf<ProgressRow>(
    database,
    sql`SELECT ${progressSelection} FROM sessions WHERE id = ANY(${sql.param([...sessionIds])}::text[])`,
  )
}

/** The progress of every session that is not over, the newest first. */
export async function readActiveProgress(database: Queryable, limit: number): Promise<ProgressRow[]> {
  return rowsOf<ProgressRow>(
    database,
    sql`SELECT ${progressSelection} FROM sessions WHERE status IN ('scheduled', 'queued', 'running', 'paused', 'held')
      ORDER BY created_at DESC, id DESC LIMIT ${limit}`,
  )
}

/**
 * The stored snapshots of a session, oldest first; with more than `limit` of them, evenly thinned so that the first and
 * the last stay.
 */
export async function readSnapshots(database: Queryable, sessionId: string, limit: number): Promise<ProgressRow[]> {
  return rowsOf<ProgressRow>(
    database,
    sql`WITH numbered AS (
      SELECT snapshot.*, row_number() OVER (ORDER BY version) - 1 AS ordinal, count(*) OVER () AS stored
      FROM snapshots snapshot WHERE session_id = ${sessionId}
    )
    SELECT session.id, session.total, session.started_by_id, session.started_by_name, session.created_at,
      ${sql.raw(progressColumns.map((column) => `numbered.${column}`).join(', '))}
    FROM numbered JOIN sessions session ON session.id = numbered.session_id
    WHERE stored <= ${limit}
      OR (${limit} = 1 AND ordinal = stored - 1)
      OR (${limit} > 1 AND (ordinal = 0 OR (ordinal * (${limit}::bigint - 1)) / (stored - 1) > ((ordinal - 1) * (${limit}::bigint - 1)) / (stored - 1)))
    ORDER BY numbered.version`,
  )
}
