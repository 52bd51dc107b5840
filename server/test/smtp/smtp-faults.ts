import type { SmtpCommand, SmtpReply } from './scripted-smtp-server.ts'

/** The ways in which a server can end a conversation without an answer. */
export const losses: [string, SmtpReply][] = [
  ['FIN', { drop: 'fin' }],
  ['RST', { drop: 'rst' }],
  ['silence', { silence: true }],
  ['half a line', { raw: '2', drop: 'fin' }],
]

/** The replies to the final dot after which it is not known whether the server has the mail. */
export const openEnds: [string, SmtpReply][] = [
  ...losses,
  ['25 cut off', { raw: '25', drop: 'fin' }],
  ['25 and then nothing', { raw: '25' }],
  ['250 ok without line end', { raw: '250 ok', drop: 'fin' }],
  ['250 ok without line end, and then nothing', { raw: '250 ok' }],
  ['250-ok as a first line alone', { raw: '250-ok\r\n', drop: 'rst' }],
  ['554 cut off', { raw: '554 5.7.1 no', drop: 'fin' }],
  ['something that is no answer', 'hello'],
  ['a second 354', '354 go ahead'],
]

const again = { kind: 'again', cause: 'throttled' }
const lost = { kind: 'again', cause: 'connection' }
const later = { kind: 'later', mailboxFull: false }
const full = { kind: 'later', mailboxFull: true }
const down = { kind: 'hold', reason: 'mail_server_down', after: 5 }
const signIn = { kind: 'hold', reason: 'mail_sign_in_refused', after: 1 }
const refuses = { kind: 'hold', reason: 'mail_server_refuses', after: 1 }
const large = { kind: 'hold', reason: 'message_too_large', after: 1 }
const unknown = { kind: 'failed', reason: 'address_refused', countsTowardHold: false }
const refused = { kind: 'failed', reason: 'refused', countsTowardHold: true }

const table: Partial<Record<SmtpCommand, object[]>> = {
  //         421    450    451    452    550      552      554
  GREETING: [again, lost, lost, lost, down, down, down],
  EHLO: [again, lost, lost, lost, down, down, down],
  AUTH: [again, again, again, again, signIn, signIn, signIn],
  MAIL: [again, later, later, later, refuses, large, refuses],
  RCPT: [again, later, later, later, unknown, full, refused],
  DATA: [again, later, later, later, refused, large, refused],
  DOT: [again, later, later, later, refused, large, refused],
}
const codes = [421, 450, 451, 452, 550, 552, 554]

/** Each reply code as the answer to each command, with its verdict. */
export const answers = Object.entries(table).flatMap(([command, row]) =>
  row.map((verdict, column) => ({ command: command as SmtpCommand, code: codes[column], verdict })),
)
