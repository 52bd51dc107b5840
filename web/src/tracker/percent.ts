import type { Progress } from '@rollcall/shared'
import { isFinished } from '@rollcall/shared/statuses'

/** Whole percent, floored; 100 only for what is finished, however close the counts are. */
export function percent(done: number, total: number, finished: boolean): number {
  if (finished) return 100
  if (total <= 0) return 0
  return Math.max(0, Math.min(99, Math.floor((done / total) * 100)))
}

/** How many accounts have their outcome. */
export function accountsDone(progress: Progress): number {
  return progress.total - progress.accounts.pending
}

/** How many mails have their outcome. */
export function mailsDone(progress: Progress): number {
  return progress.total - progress.mails.pending
}

/** True once anything has its outcome. Before that, a cached progress would show a zero that may be wrong by now. */
export function hasBegun(progress: Progress): boolean {
  return isFinished(progress) || accountsDone(progress) > 0 || mailsDone(progress) > 0
}

/** The percent of several sessions together, by their mails, which come last; null when there is no session. */
export function percentOfAll(sessions: readonly Progress[]): number | null {
  if (sessions.length === 0) return null
  const total = sessions.reduce((sum, session) => sum + session.total, 0)
  const done = sessions.reduce((sum, session) => sum + mailsDone(session), 0)
  return percent(done, total, sessions.every(isFinished))
}
