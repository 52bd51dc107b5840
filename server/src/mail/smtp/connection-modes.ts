import type { Transitions } from '../../util/state-machine.ts'

/**
 * What one connection to the mail server is doing:
 * - `connecting`: it is being set up, until the server has greeted and taken the sign-in
 * - `ready`: it carries no mail and can take one
 * - `envelope`: it agrees with the server on a mail, from MAIL to the reply to DATA
 * - `gate`: the server waits for the content (354), and the gate of the mail is asked; nothing of the content has left
 * - `content`: the gate is open; the content may have left, and its reply is awaited
 * - `unclean`: the mail ended otherwise than by being sent, so RSET comes before the next
 * - `resetting`: the reply to RSET is awaited
 * - `quitting`: QUIT was said, and nothing else will be
 * - `closed`: nothing can be said over it any more
 */
export type ConnectionMode =
  | 'connecting'
  | 'ready'
  | 'envelope'
  | 'gate'
  | 'content'
  | 'unclean'
  | 'resetting'
  | 'quitting'
  | 'closed'

/** A connection can be closed in any mode, and nothing leads from `content` to another content without a gate in between. */
export const connectionTransitions: Transitions<ConnectionMode> = {
  connecting: ['ready', 'closed'],
  ready: ['envelope', 'quitting', 'closed'],
  envelope: ['gate', 'unclean', 'closed'],
  gate: ['content', 'closed'],
  content: ['ready', 'unclean', 'envelope', 'closed'],
  unclean: ['resetting', 'quitting', 'closed'],
  resetting: ['ready', 'quitting', 'closed'],
  quitting: ['closed'],
  closed: [],
}
