import type {
  AccountState,
  AccountStatus,
  EventType,
  LeadStatus,
  MailState,
  SessionStatus,
} from '@rollcall/shared/statuses'

/** What states are called, by what they are the state of. */
export const states = {
  session: {
    scheduled: 'Scheduled',
    queued: 'Queued',
    running: 'Running',
    paused: 'Paused',
    held: 'Held',
    cancelled: 'Cancelled',
    completed: 'Completed',
  } satisfies Record<SessionStatus, string>,
  accountOutcome: {
    pending: 'pending',
    created: 'created',
    existing: 'existing',
    failed: 'failed',
    cancelled: 'cancelled',
  } satisfies Record<AccountState, string>,
  mail: {
    pending: 'pending',
    sending: 'sending',
    sent: 'sent',
    failed: 'failed',
    unconfirmed: 'unconfirmed',
    skipped: 'skipped',
    cancelled: 'cancelled',
  } satisfies Record<MailState, string>,
  lead: {
    new: 'New',
    invited: 'Invited',
    active: 'Active',
  } satisfies Record<LeadStatus, string>,
  account: {
    invited: 'Invited: no password yet',
    active: 'Active: the person has set a password',
  } satisfies Record<AccountStatus, string>,
  /** What happened, with an actor or without: "Paused by Ada", "Held by Rollcall". */
  event: {
    started: 'Started',
    running: 'Running',
    paused: 'Paused',
    held: 'Held by Rollcall',
    resumed: 'Resumed',
    taken_over: 'Taken over by another process',
    retried: 'Retried',
    settled: 'Settled',
    cancelled: 'Cancelled',
    completed: 'Completed',
  } satisfies Record<EventType, string>,
}
