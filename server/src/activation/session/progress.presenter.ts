import {
  counters,
  isFinal,
  type CountedOutcome,
  type CounterColumn,
  type Progress,
  type SessionStatus,
} from '@rollcall/shared'

/** The columns that a progress is made of, from a session's row or from a snapshot of it, as SQL gives them. */
export interface ProgressRow extends Record<CounterColumn, number> {
  [column: string]: unknown
  id: string
  version: number | string
  status: SessionStatus
  reason: string | null
  total: number
  rate: number | null
  rate_samples: number
  started_by_id: string
  started_by_name: string
  created_at: Date | string
  started_at: Date | string | null
  updated_at: Date | string
  finished_at: Date | string | null
}

/** Seconds for which the rate must have been measured before the time that is left is told. */
const steadyAfterSamples = 4

/** A pure function of the row: the same version gives the same numbers wherever it is asked for. */
export function presentProgress(row: ProgressRow): Progress {
  const rate = row.status === 'running' && row.rate !== null ? Math.round(row.rate * 10) / 10 : null
  const steady = rate !== null && rate > 0 && row.rate_samples >= steadyAfterSamples
  return {
    sessionId: row.id,
    version: Number(row.version),
    status: row.status,
    reason: row.reason,
    total: row.total,
    completed: isFinal(row.status),
    accounts: countsOf(row, 'accounts'),
    mails: countsOf(row, 'mails'),
    mailsPerSecond: rate,
    secondsLeft: steady ? Math.ceil(row.mails_pending / rate) : null,
    startedBy: { id: row.started_by_id, name: row.started_by_name },
    createdAt: isoTime(row.created_at),
    startedAt: isoTimeOrNull(row.started_at),
    updatedAt: isoTime(row.updated_at),
    finishedAt: isoTimeOrNull(row.finished_at),
  }
}

function countsOf<Outcome extends CountedOutcome>(row: ProgressRow, outcome: Outcome): Progress[Outcome] {
  const ofOutcome = counters.filter((counter) => counter.outcome === outcome)
  return Object.fromEntries(ofOutcome.map(({ state, column }) => [state, row[column]])) as Progress[Outcome]
}

/** ISO 8601 in UTC, from what the driver gives for a timestamptz. */
export function isoTime(value: Date | string): string {
  return new Date(value).toISOString()
}

/** As `isoTime`; null stays null. */
export function isoTimeOrNull(value: Date | string | null): string | null {
  return value === null ? null : isoTime(value)
}
