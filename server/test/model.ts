import {
  canTransition,
  transitions,
  type Lever,
  type Progress,
  type SessionStatus,
  type TransitionName,
} from '@rollcall/shared'

/** What is known of a session without looking at it: the statuses it may be in, and bounds of its numbers. */
export interface SessionModel {
  statuses: ReadonlySet<SessionStatus>
  /** Workers that run; without one, nothing of a session moves by itself. */
  workers: number
  /** What was seen last: versions, created accounts and sent mails never go down. */
  seen: Progress
  /** How often unconfirmed mails were sent again: so many second copies may a person have. */
  resends: number
}

/** What became of a lever: refused is the 409. */
export type Outcome = 'done' | 'refused'

const byRollcall = (Object.keys(transitions) as TransitionName[]).filter((name) => transitions[name].by === 'rollcall')

/** Where a session may be after a while, from what it may be in now: what Rollcall does by itself, while a worker runs. */
export function laterStatuses(statuses: Iterable<SessionStatus>, workers: number): Set<SessionStatus> {
  const reached = new Set(statuses)
  if (workers === 0) return reached
  // A set that grows while it is gone through is gone through to its end.
  for (const status of reached)
    for (const name of byRollcall) if (canTransition(name, status)) reached.add(transitions[name].to)
  return reached
}

/** A retry starts a completed session again and leaves the status of every other as it is. */
export function afterRetry(statuses: Iterable<SessionStatus>): Set<SessionStatus> {
  return new Set([...statuses].map((status) => (canTransition('retry', status) ? transitions.retry.to : status)))
}

/** What levers that are pulled one after the other may do: the answers, and where the session is then. */
export function afterLevers(
  pulled: readonly Lever[],
  start: Iterable<SessionStatus>,
  workers: number,
): { outcomes: Outcome[]; statuses: Set<SessionStatus> }[] {
  let paths: { outcomes: Outcome[]; statuses: Set<SessionStatus> }[] = [
    { outcomes: [], statuses: laterStatuses(start, workers) },
  ]
  for (const lever of pulled)
    paths = paths.flatMap(({ outcomes, statuses }) => {
      const allowed = [...statuses].filter((status) => canTransition(lever, status))
      const others = [...statuses].filter((status) => !canTransition(lever, status))
      return [
        { outcomes: [...outcomes, 'done' as const], statuses: allowed.length === 0 ? [] : [transitions[lever].to] },
        { outcomes: [...outcomes, 'refused' as const], statuses: others },
      ]
        .filter((path) => path.statuses.length > 0)
        .map((path) => ({ ...path, statuses: laterStatuses(path.statuses, workers) }))
    })
  return paths
}
