import { accountOutcomes, mailOutcomes, pendingMailStates } from './counters.ts'

/**
 * Statuses and the transitions between them. This file is the only list of either; server, screens and tests use it.
 */
export const sessionStatuses = ['scheduled', 'queued', 'running', 'paused', 'held', 'cancelled', 'completed'] as const
export type SessionStatus = (typeof sessionStatuses)[number]

export const accountStates = ['pending', ...accountOutcomes] as const
export type AccountState = (typeof accountStates)[number]

export const mailStates = [...pendingMailStates, ...mailOutcomes] as const
export type MailState = (typeof mailStates)[number]

export const leadStatuses = ['new', 'invited', 'active'] as const
export type LeadStatus = (typeof leadStatuses)[number]

export const accountStatuses = ['invited', 'active'] as const
export type AccountStatus = (typeof accountStatuses)[number]

export const eventTypes = [
  'started',
  'running',
  'paused',
  'held',
  'resumed',
  'taken_over',
  'retried',
  'settled',
  'cancelled',
  'completed',
] as const
export type EventType = (typeof eventTypes)[number]

/** A change of the status of a session: from which statuses and to which, who causes it, and the event that records it. */
interface Transition {
  from: readonly SessionStatus[]
  to: SessionStatus
  by: 'person' | 'rollcall'
  event: EventType
}

export const transitions = {
  /** The start time of a scheduled session has come. */
  due: { from: ['scheduled'], to: 'queued', by: 'rollcall', event: 'started' },
  /** The accounts of the first chunk were stored. */
  begin: { from: ['queued'], to: 'running', by: 'rollcall', event: 'running' },
  pause: { from: ['scheduled', 'queued', 'running', 'held'], to: 'paused', by: 'person', event: 'paused' },
  hold: { from: ['scheduled', 'queued', 'running'], to: 'held', by: 'rollcall', event: 'held' },
  resume: { from: ['paused', 'held'], to: 'running', by: 'person', event: 'resumed' },
  /** The cause of the hold is gone. */
  recover: { from: ['held'], to: 'running', by: 'rollcall', event: 'resumed' },
  cancel: {
    from: ['scheduled', 'queued', 'running', 'paused', 'held'],
    to: 'cancelled',
    by: 'person',
    event: 'cancelled',
  },
  /** Failed or unconfirmed items become pending again, so a session that was completed runs again. */
  retry: { from: ['completed'], to: 'running', by: 'person', event: 'retried' },
  /** The last pending item has got its outcome. */
  complete: { from: ['queued', 'running', 'paused', 'held'], to: 'completed', by: 'rollcall', event: 'completed' },
} as const satisfies Record<string, Transition>
export type TransitionName = keyof typeof transitions

/** True when the transition may happen to a session in this status. */
export function canTransition(name: TransitionName, status: SessionStatus): boolean {
  return (transitions[name].from as readonly SessionStatus[]).includes(status)
}

/** The commands that a person may give to a session, in the order in which screens show them. */
export const sessionCommands = ['pause', 'resume', 'cancel'] as const
export type SessionCommand = (typeof sessionCommands)[number]

/** Statuses in which a session is over: no item of it can still change by itself. */
export const finalStatuses: readonly SessionStatus[] = ['cancelled', 'completed']

/** Statuses in which workers work on a session's chunks. */
export const runningStatuses: readonly SessionStatus[] = ['queued', 'running']

/** Statuses that a session has only after its work began. In the other statuses it may have begun or not. */
export const begunStatuses: readonly SessionStatus[] = ['running', 'completed']

/** True when no item of a session in this status can still change by itself. */
export function isFinal(status: SessionStatus): boolean {
  return finalStatuses.includes(status)
}

/** Statuses in which a session shows in the tracker as not finished. */
export const activeStatuses = sessionStatuses.filter((status) => !isFinal(status))

/** The values of a session's progress that say whether the session is finished. */
interface Outcomes {
  completed: boolean
  accounts: { pending: number }
  mails: { pending: number }
}

/**
 * True when the numbers of a session change no more, unless somebody retries its mails. A session that was just cancelled
 * has a final status and is not finished yet: what is left of it becomes cancelled item by item.
 */
export function isFinished({ completed, accounts, mails }: Outcomes): boolean {
  return completed && accounts.pending === 0 && mails.pending === 0
}
