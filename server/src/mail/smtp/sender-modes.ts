import type { Transitions } from '../../util/state-machine.ts'

/** A sender takes mails while it is open, ends those that are under way while it is draining, and then is closed. */
export type SenderMode = 'open' | 'draining' | 'closed'

/** Closing a sender a second time enters no mode. */
export const senderTransitions: Transitions<SenderMode> = {
  open: ['draining'],
  draining: ['closed'],
  closed: [],
}
