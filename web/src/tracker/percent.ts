import type { Progress } from '@rollcall/shared'

/** Whole percent, floored; 100 only when the session is over, however close the counts are. */
export function percent(done: number, total: number, over: boolean): number {
  if (over) return 100
  if (total <= 0) return 0
  return Math.max(0, Math.min(99, Math.floor((done / total) * 100)))
}

/** Accounts that have their outcome. */
export function accountsSettled(progress: Progress): number {
  return progress.total - progress.accounts.pending
}

/** Mails that have their outcome. */
export function mailsSettled(progress: Progress): number {
  return progress.total - progress.mails.pending
}

/** True when nothing of the session can change by itself any more; one that was just cancelled is not there yet. */
export function isOver({ completed, accounts, mails }: Progress): boolean {
  return completed && accounts.pending === 0 && mails.pending === 0
}

/** True once anything has its outcome. Before that, an old progress says no more than none: a zero that may be wrong. */
export function hasBegun(progress: Progress): boolean {
  return progress.completed || accountsSettled(progress) > 0 || mailsSettled(progress) > 0
}

/** The percent of several sessions together, by mails, which end last; null when there is none. */
export function percentOfAll(sessions: readonly Progress[]): number | null {
  if (sessions.length === 0) return null
  const total = sessions.reduce((sum, session) => sum + session.total, 0)
  const done = sessions.reduce((sum, session) => sum + mailsSettled(session), 0)
  return percent(done, total, sessions.every(isOver))
}
