import { sql, type SQL } from 'drizzle-orm'
import {
  begunStatuses,
  counters,
  finalStatuses,
  holdReasons,
  movedCounters,
  transitions,
  type CountedOutcome,
  type HoldReason,
  type MovedColumn,
  type MovedKey,
  type Person,
  type SessionStatus,
  type TransitionName,
} from '@rollcall/shared'
import { rowsOf, type Queryable } from '../../db/database.ts'
import { sqlList } from '../../db/sql-list.ts'
import type { ProgressRow } from './progress.presenter.ts'
import { rateAssignments, snapshotSeconds } from './rate.queries.ts'

/** How much each counter moves; what is not named stays. Pending falls by the sum of the others. */
export type Deltas = Partial<Record<MovedKey, number>>

/** A change of status, and what is stored in its event. */
export interface StatusChange {
  transition: TransitionName
  actor?: Person | null
  reason?: HoldReason | null
  cause?: string | null
  details?: Record<string, unknown>
  /** The change happens only while the session is held for this reason. */
  heldFor?: HoldReason
}

/** A session's row after `advance` changed it, with the status that it had before. */
export type MovedRow = ProgressRow & { status_before: SessionStatus }

export interface Advance {
  sessionId: string
  now: Date
  deltas?: Deltas
  change?: StatusChange
}

/**
 * Renders the deltas of the rows that the part `recorded` of a statement returns: each counter moves by the number of rows
 * for which its condition is true.
 */
export function deltasOfRecorded(counted: Partial<Record<MovedColumn, SQL>>): SQL {
  const counts = movedCounters.map(({ column }) => {
    const which = counted[column as MovedColumn]
    return sql`${which === undefined ? sql`0` : sql`(count(*) FILTER (WHERE ${which}))::int`} AS ${sql.raw(column)}`
  })
  return sql`SELECT ${sql.join(counts, sql`, `)} FROM recorded`
}

function deltaRow(deltas: Deltas): SQL {
  const values = movedCounters.map(({ key, column }) => sql`${deltas[key as MovedKey] ?? 0}::int AS ${sql.raw(column)}`)
  return sql`SELECT ${sql.join(values, sql`, `)}`
}

/** The columns that a session's row and its snapshots have in common. */
export const progressColumns = [
  'version',
  'status',
  'reason',
  ...counters.map(({ column }) => column),
  'rate',
  'rate_samples',
  'started_at',
  'updated_at',
  'finished_at',
]
/** The columns that a progress is presented from. The selection and the template are left out, because they may be large. */
const rowColumns = ['id', 'total', 'started_by_id', 'started_by_name', 'created_at', ...progressColumns]
/** The columns of `sessions` that a progress is presented from, as what follows SELECT. */
export const progressSelection = sql.raw(rowColumns.join(', '))

const movedColumns = movedCounters.map(({ column }) => column)
const accountsMoved = sumOfDeltas('accounts')
const mailsMoved = sumOfDeltas('mails')
const countersMoved = sql.raw(movedColumns.map((c) => `${c} = session.${c} + delta.${c}`).join(', '))
const anythingMoved = sql.raw(movedColumns.map((c) => `delta.${c} <> 0`).join(' OR '))
const mailsTried = sql.raw(
  ['sent', 'failed', 'unconfirmed'].map((c) => `session.mails_${c} + delta.mails_${c}`).join(' + '),
)

function sumOfDeltas(outcome: CountedOutcome): SQL {
  const columns = movedCounters.filter((counter) => counter.outcome === outcome).map(({ column }) => column)
  return sql.raw(columns.map((column) => `delta.${column}`).join(' + '))
}

/** The share of failures holds a session only after this many mails, because it says nothing of a few. */
const triedBeforeShare = 50
/** The mails tried since a person last resumed the session: the failures until then are accepted and not counted again. */
const triedSince = sql`(${mailsTried} - session.failures_accepted)`
const tooManyFail = sql`(delta.mails_failed > 0 AND ${triedSince} >= ${triedBeforeShare} AND session.failure_share IS NOT NULL
  AND session.mails_failed + delta.mails_failed - session.failures_accepted > session.failure_share * ${triedSince})`

/**
 * Moves a session's counters and status; nothing else does (`clearOutdatedRates` raises the version as well). One statement
 * applies the deltas, completes the session when nothing is pending, raises the version, and stores the snapshot and the
 * event that belong to it, so the lock of the session's row puts versions in the order of the commits. Returns the new
 * row, or null when nothing changed: no delta, or a transition that the status of the row does not allow.
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
 * Renders `advance` as the last parts of a WITH, for a statement whose deltas come from its earlier parts. `deltas` selects
 * one row that has every delta as a column of its name. The part `moved` returns the new row, or no row where nothing
 * changed.
 */
export function advanceParts(options: { sessionId: SQL; time: SQL; deltas: SQL; change?: StatusChange }): SQL {
  const { sessionId, time, deltas, change } = options
  const rule = change === undefined ? null : transitions[change.transition]
  const heldFor = change?.heldFor === undefined ? sql`` : sql` AND session.reason = ${change.heldFor}`
  const allowed = rule === null ? sql`false` : sql`(session.status IN (${sqlList(rule.from)})${heldFor})`
  return sql`delta AS MATERIALIZED (${deltas}),
    next AS MATERIALIZED (
      SELECT session.id AS session_id, session.status AS status_before, delta.*,
        CASE WHEN ${allowed} THEN ${rule?.to ?? null}::text ELSE session.status END AS status_asked,
        (${allowed}) AS changes,
        session.accounts_pending - (${accountsMoved}) = 0 AND session.mails_pending - (${mailsMoved}) = 0 AS nothing_pending,
        coalesce(session.mails_sent + delta.mails_sent >= session.canary, false) AS canary_reached,
        ${tooManyFail} AS too_many_failures
      -- LATERAL makes PostgreSQL change and lock the rows that the deltas come from before it locks the session.
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
        status = ${statusAfter},
        reason = CASE WHEN ${statusAfter} = 'held' THEN
          CASE WHEN delta.status_asked = 'running' AND delta.too_many_failures THEN 'too_many_failures'
            WHEN delta.status_asked = 'running' THEN 'canary' WHEN delta.changes THEN ${change?.reason ?? null}::text ELSE session.reason END
        END,
        started_at = CASE WHEN ${statusAfter} IN (${sqlList(begunStatuses)}) THEN coalesce(session.started_at, ${time}) ELSE session.started_at END,
        finished_at = CASE WHEN ${statusAfter} IN (${sqlList(finalStatuses)}) THEN coalesce(session.finished_at, ${time}) END,
        snapshot_at = CASE WHEN ${snapshotDue(time)} THEN ${time} ELSE session.snapshot_at END,
        ${rateAssignments({ time, status: statusAfter, isDue: snapshotDue(time), mailsTried })}
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

/**
 * The status after the change: `completed` as soon as nothing is pending, whatever else was asked for at the same time, and
 * `held` as soon as the canary's mails are sent or too many mails failed.
 */
const statusAfter = sql`(CASE WHEN delta.nothing_pending AND delta.status_asked IN (${sqlList(transitions.complete.from)}) THEN 'completed'
  WHEN (delta.canary_reached OR delta.too_many_failures) AND delta.status_asked = 'running' THEN 'held' ELSE delta.status_asked END)`

function snapshotDue(time: SQL): SQL {
  return sql`(${statusAfter} <> session.status OR session.snapshot_at <= ${time} - make_interval(secs => ${snapshotSeconds}))`
}
