import {
  canTransition,
  transitions,
  type AccountState,
  type SessionCommand,
  type MailState,
  type Progress,
  type SessionStatus,
  type TransitionName,
} from '@rollcall/shared'
import type { ItemTransition } from './transitions.ts'

/** What the test knows of a session without reading it: the statuses that it may be in, and bounds of its numbers. */
export interface SessionModel {
  statuses: ReadonlySet<SessionStatus>
  /** Which of the workers run; without one, nothing of a session changes by itself. */
  running: boolean[]
  /** What was seen last: versions, created accounts and sent mails never go down. */
  seen: Progress
  /** The number of workers that were killed, whatever they were doing. */
  kills: number
  /** Connections that were cut from the mail server's side, each of which may have waited for an answer. */
  cutConnections: number
}

/** What became of a command; a refusal is the 409 of the API. */
export type Outcome = 'done' | 'refused'

/** The policy for a mail whose answer was lost: it stays unconfirmed, or is sent again. */
export type Policy = 'hold' | 'resend'

const byRollcall = (Object.keys(transitions) as TransitionName[]).filter((name) => transitions[name].by === 'rollcall')

/** True while some worker runs. */
export function isWorkedOn(model: Pick<SessionModel, 'running'>): boolean {
  return model.running.includes(true)
}

/** Returns the statuses that a session may be in after a while: those of now, and those that Rollcall brings it to by itself while workers run. */
export function laterStatuses(statuses: Iterable<SessionStatus>, workedOn: boolean): Set<SessionStatus> {
  const reached = new Set(statuses)
  if (!workedOn) return reached
  // Iterating over a set also visits what is added meanwhile.
  for (const status of reached)
    for (const name of byRollcall) if (canTransition(name, status)) reached.add(transitions[name].to)
  return reached
}

/** Returns the statuses after a retry, which starts a completed session again and leaves every other status as it is. */
export function afterRetry(statuses: Iterable<SessionStatus>): Set<SessionStatus> {
  return new Set([...statuses].map((status) => (canTransition('retry', status) ? transitions.retry.to : status)))
}

/** Returns every possible result of commands that are given one after the other: their outcomes, and the statuses that the session may then be in. */
export function afterCommands(
  given: readonly SessionCommand[],
  start: Iterable<SessionStatus>,
  workedOn: boolean,
): { outcomes: Outcome[]; statuses: Set<SessionStatus> }[] {
  let paths: { outcomes: Outcome[]; statuses: Set<SessionStatus> }[] = [
    { outcomes: [], statuses: laterStatuses(start, workedOn) },
  ]
  for (const command of given)
    paths = paths.flatMap(({ outcomes, statuses }) => {
      const allowed = [...statuses].filter((status) => canTransition(command, status))
      const others = [...statuses].filter((status) => !canTransition(command, status))
      return [
        { outcomes: [...outcomes, 'done' as const], statuses: allowed.length === 0 ? [] : [transitions[command].to] },
        { outcomes: [...outcomes, 'refused' as const], statuses: others },
      ]
        .filter((path) => path.statuses.length > 0)
        .map((path) => ({ ...path, statuses: laterStatuses(path.statuses, workedOn) }))
    })
  return paths
}

/** What may follow a state of a mail: nothing is sent without having passed the gate, and what is sent stays so. */
const mailTransitions: Record<MailState, readonly MailState[]> = {
  pending: ['sending', 'sent', 'failed', 'skipped', 'cancelled', 'unconfirmed'],
  sending: ['pending', 'sent', 'failed', 'unconfirmed'],
  sent: [],
  failed: ['pending'],
  unconfirmed: ['pending', 'sent'],
  skipped: [],
  cancelled: [],
}
const accountTransitions: Record<AccountState, readonly AccountState[]> = {
  pending: ['created', 'existing', 'failed', 'cancelled'],
  created: [],
  existing: [],
  failed: [],
  cancelled: [],
}

/** True of a transition that may happen; under `hold` nobody but a person has a mail sent again that may have arrived. */
export function isAllowedTransition(transition: ItemTransition, policy: Policy): boolean {
  if (transition.what === 'account')
    return accountTransitions[transition.before as AccountState].includes(transition.after as AccountState)
  if (policy === 'hold' && isResend(transition) && transition.before === 'sending') return false
  return mailTransitions[transition.before as MailState].includes(transition.after as MailState)
}

/** True of a transition that tells that an answer was lost: the mail may have arrived or not. */
export function isLoss(transition: ItemTransition): boolean {
  return transition.before === 'sending' && (transition.after === 'unconfirmed' || isResend(transition))
}

/** True of a transition by which a mail is to be sent again that may have arrived: so many second copies may a person have. */
export function isResend({ before, after, reason }: ItemTransition): boolean {
  if (before === 'unconfirmed') return after === 'pending'
  return before === 'sending' && after === 'pending' && (reason === 'answer_lost' || reason === 'worker_lost')
}

/**
 * True of an item's transitions when a mail that may have arrived is never called anything that says that it did not, and only
 * such a mail becomes unconfirmed or sent without passing the gate once more.
 */
export function keepsDoubts(history: readonly ItemTransition[]): boolean {
  let inDoubt = false
  for (const transition of history.filter(({ what }) => what === 'mail')) {
    const denies = ['failed', 'skipped', 'cancelled'].includes(transition.after)
    const presumes = transition.before === 'pending' && ['sent', 'unconfirmed'].includes(transition.after)
    if (inDoubt ? denies : presumes) return false
    if (transition.after === 'unconfirmed' || isResend(transition)) inDoubt = true
    if (transition.after === 'sent') inDoubt = false
  }
  return true
}
