import type { HoldReason, MailReason } from '@rollcall/shared/reasons'
import type { Verdict } from './types.ts'

/** Where in the conversation an answer was given or missing; `DOT` is everything after the first byte of the mail. */
export type SmtpStep = 'CONNECT' | 'GREETING' | 'EHLO' | 'STARTTLS' | 'AUTH' | 'MAIL' | 'RCPT' | 'DATA' | 'DOT'

/**
 * Why there is no answer. `unreachable`: DNS, refused, no route, no connection in time. `lost`: closed or silent later on.
 * `protocol`: what came is not SMTP. `no_sign_in`: the server offers none. `too_large`: beyond the size that it offered.
 */
export type SmtpProblem = 'unreachable' | 'tls' | 'lost' | 'protocol' | 'no_sign_in' | 'too_large'

/** What the mail server said to a step of the conversation, or why it said nothing. */
export interface SmtpAnswer {
  /** True once a byte of the mail may have left. */
  gatePassed: boolean
  command: SmtpStep
  /** The complete answer's code and enhanced code (RFC 3463); null without an answer. */
  code: number | null
  enhanced: string | null
  /** The server's own words, or what went wrong where it said nothing. */
  text: string
  error: SmtpProblem | null
}

/** What an answer means, without the words in which it was given. */
type Meaning =
  | { kind: 'sent' }
  | { kind: 'again'; cause: 'connection' | 'throttled' }
  | { kind: 'later'; mailboxFull: boolean }
  | { kind: 'failed'; reason: MailReason; countsTowardHold: boolean }
  | { kind: 'unconfirmed' }
  | { kind: 'hold'; reason: HoldReason; after: number }

interface Row {
  /** The row matches an answer when every condition that is given here holds. */
  when: {
    gatePassed?: boolean
    commands?: readonly SmtpStep[]
    errors?: readonly SmtpProblem[]
    codes?: readonly number[]
    /** The first and the last code. */
    range?: readonly [number, number]
    /** The enhanced code without its class: `2.2` is x.2.2, `1.` any x.1.y, and an empty text none at all. */
    enhanced?: readonly string[]
    /** Whether the connection has carried a mail before. */
    isUsed?: boolean
  }
  means: Meaning
}

/** A server that cannot be reached this many times in a row holds its sessions. */
const failuresBeforeHold = 5
/** A session is held after this many different recipients in a row were refused. */
export const refusalsBeforeHold = 5

const connectionLost: Meaning = { kind: 'again', cause: 'connection' }
const throttled: Meaning = { kind: 'again', cause: 'throttled' }
const nextTry: Meaning = { kind: 'later', mailboxFull: false }
const mailboxFull: Meaning = { kind: 'later', mailboxFull: true }
const unknownAddress: Meaning = { kind: 'failed', reason: 'address_refused', countsTowardHold: false }
const refused: Meaning = { kind: 'failed', reason: 'refused', countsTowardHold: true }
const serverDown: Meaning = { kind: 'hold', reason: 'mail_server_down', after: failuresBeforeHold }
const signInRefused: Meaning = { kind: 'hold', reason: 'mail_sign_in_refused', after: 1 }
const serverRefuses: Meaning = { kind: 'hold', reason: 'mail_server_refuses', after: 1 }
const quotaUsedUp: Meaning = { kind: 'hold', reason: 'mail_quota', after: 1 }
const tooLarge: Meaning = { kind: 'hold', reason: 'message_too_large', after: 1 }

const connecting = ['CONNECT', 'GREETING', 'EHLO', 'STARTTLS'] as const
const aboutThePerson = ['RCPT', 'DATA', 'DOT'] as const
const permanent = [500, 599] as const
const temporary = [400, 499] as const

/** The first row that matches decides. */
const rows: readonly Row[] = [
  // Without an answer, only whether the gate was passed tells a harmless loss from one after which the mail may have been delivered.
  { when: { gatePassed: true, errors: ['unreachable', 'tls', 'lost', 'protocol'] }, means: { kind: 'unconfirmed' } },
  { when: { errors: ['unreachable', 'tls'] }, means: serverDown },
  { when: { errors: ['no_sign_in'] }, means: signInRefused },
  { when: { errors: ['too_large'] }, means: tooLarge },
  { when: { errors: ['lost', 'protocol'] }, means: connectionLost },

  { when: { gatePassed: true, commands: ['DOT'], range: [200, 299] }, means: { kind: 'sent' } },

  // These answers concern the server, after whichever command they come.
  // After STARTTLS, 454 says that TLS is not available (RFC 3207 section 4), and sending more slowly does not help.
  { when: { commands: ['STARTTLS'], codes: [454] }, means: serverDown },
  { when: { codes: [421, 432, 454] }, means: throttled },
  { when: { codes: [530, 534, 535, 538] }, means: signInRefused },
  { when: { commands: ['AUTH'], range: permanent }, means: signInRefused },
  { when: { commands: ['AUTH'], range: temporary }, means: throttled },
  { when: { commands: connecting, range: permanent }, means: serverDown },
  { when: { commands: connecting, range: temporary }, means: connectionLost },

  // These answers concern the session, because the next mail would get the same.
  { when: { range: permanent, enhanced: ['3.4'] }, means: tooLarge },
  { when: { range: permanent, enhanced: ['4.5'] }, means: quotaUsedUp },
  { when: { commands: ['MAIL', 'DATA', 'DOT'], codes: [552], enhanced: [''] }, means: tooLarge },
  { when: { commands: ['MAIL'], range: permanent }, means: serverRefuses },

  // This answer concerns the connection: it has carried as many mails as the server accepts over one (OpenSMTPD: 100), and another connection may carry more.
  { when: { commands: ['MAIL'], codes: [452], enhanced: ['5.3'], isUsed: true }, means: connectionLost },

  // These answers concern the one mail.
  { when: { range: temporary }, means: nextTry },
  { when: { range: permanent, enhanced: ['2.2'] }, means: mailboxFull },
  { when: { range: permanent, enhanced: ['1.', '2.1'] }, means: unknownAddress },
  { when: { commands: ['RCPT'], codes: [552], enhanced: [''] }, means: mailboxFull },
  { when: { range: permanent, enhanced: ['7.'] }, means: refused },
  { when: { commands: ['RCPT'], codes: [521, 525, 550, 551, 553, 556] }, means: unknownAddress },
  // A command that the server does not understand is not the person's fault.
  { when: { commands: aboutThePerson, codes: [500, 502, 503, 504, 555] }, means: serverRefuses },
  { when: { commands: ['RCPT'], codes: [501] }, means: unknownAddress },
  { when: { range: permanent }, means: refused },

  // These rows are for an answer that fits no other row, such as a 354 to MAIL.
  { when: { gatePassed: true }, means: { kind: 'unconfirmed' } },
  { when: {}, means: connectionLost },
]

/**
 * Tells what an answer, or its absence, means: decided by code, enhanced code, command and side of the gate together. `isUsed`
 * is true when the answer was given over a connection that has carried a mail before.
 */
export function classifyAnswer(answer: SmtpAnswer, isUsed = false): Verdict {
  const row = rows.find(({ when }) => (when.isUsed ?? isUsed) === isUsed && matches(when, answer))
  if (row === undefined) throw new Error('The table of answers has no last row.')
  const words = answer.code === null ? { reply: null, problem: answer.text } : { reply: answer.text, problem: null }
  return { ...row.means, ...words }
}

function matches(when: Row['when'], answer: SmtpAnswer): boolean {
  if (when.gatePassed !== undefined && when.gatePassed !== answer.gatePassed) return false
  if (when.commands !== undefined && !when.commands.includes(answer.command)) return false
  if (when.errors !== undefined && (answer.error === null || !when.errors.includes(answer.error))) return false
  const code = answer.code ?? 0
  if (when.codes !== undefined && !when.codes.includes(code)) return false
  if (when.range !== undefined && (code < when.range[0] || code > when.range[1])) return false
  return when.enhanced === undefined || matchesEnhanced(when.enhanced, answer.enhanced)
}

function matchesEnhanced(wanted: readonly string[], enhanced: string | null): boolean {
  const detail = enhanced === null ? '' : enhanced.slice(enhanced.indexOf('.') + 1)
  return wanted.some((each) => (each.endsWith('.') ? detail.startsWith(each) : detail === each))
}

const minute = 60_000
const hour = 60 * minute
const firstDelays = [minute, 5 * minute, 15 * minute, hour, 4 * hour] as const
const delayAfterwards = 4 * hour
const giveUpAfter = 48 * hour
const mailboxFullDelay = 24 * hour

/**
 * Gives the milliseconds until the next try of an item whose last answer was `later`, or null when it is time to give up
 * (reason `gave_up`; for a full mailbox `mailbox_full`).
 *
 * `tries` counts the tries so far (1 after the first); `sinceFirstTry` is in milliseconds; `random` gives 0 … 1. Full
 * jitter: a uniform share of 1 min, 5, 15, 1 h, 4 h, then of 4 h, until 48 h after the first try. A full mailbox is
 * tried once more after a day, and given up when it is still full then.
 */
export function nextTryDelay(
  tries: number,
  options: { sinceFirstTry: number; mailboxFull: boolean; random: () => number },
): number | null {
  if (options.mailboxFull) return options.sinceFirstTry < mailboxFullDelay ? mailboxFullDelay : null
  if (options.sinceFirstTry >= giveUpAfter) return null
  const longest = firstDelays[Math.max(tries, 1) - 1] ?? delayAfterwards
  return Math.round(longest * options.random())
}
