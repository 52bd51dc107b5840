import type { MailReason, SessionOptions } from '@rollcall/shared'
import { nextTryDelay } from '../../mail/smtp/answers.ts'
import type { Delivery } from '../../mail/smtp/types.ts'
import type { DueMail } from '../chunks/items.queries.ts'
import type { OutcomeEntry } from '../chunks/outbox.queries.ts'

/** The most tries of a mail whose answer was lost, under the policy `resend`. */
const resendTries = 5
const resendDelay = 60_000

/** The values that are stored of a delivery. */
export type Outcome = Omit<OutcomeEntry, 'claim' | 'position' | 'at' | 'triedAt'> & { triedAt?: Date }

/** The values of a delivery attempt that its outcome depends on. */
export interface AttemptValues {
  mail: DueMail
  /** The session's policy for mails whose answer was lost. */
  policy: SessionOptions['unconfirmed']
  now: Date
  /** The Date header of the mail. */
  triedAt: Date
  /** True when the gate was asked, and so may have been stored. */
  gateAsked: boolean
  /** Returns a random number from 0 to 1. */
  random: () => number
}

/** Returns what is stored of a delivery; null when the item stays pending with no try used. */
export function outcomeOf(delivery: Delivery, of: AttemptValues): Outcome | null {
  const pendingAgain: Outcome = { state: 'pending', reason: null, reply: null, countsAsTry: false, nextTryAt: null }
  switch (delivery.kind) {
    case 'sent':
      return { state: 'sent', reason: null, reply: delivery.reply, countsAsTry: true, nextTryAt: null }
    case 'failed':
      return failed(of, delivery.reason, delivery.reply)
    case 'unconfirmed':
      return unconfirmed(of, delivery.problem ?? delivery.reply)
    case 'later':
      return later(of, delivery)
    case 'gate_closed':
      // With a cause, the answer of the database was lost: the gate may have been stored although nothing was handed over.
      return delivery.cause === null || delivery.cause === undefined ? null : pendingAgain
    case 'hold':
    case 'again':
      return of.gateAsked ? pendingAgain : null
  }
}

function unconfirmed({ mail, policy, now }: AttemptValues, reply: string | null): Outcome {
  const resend = policy === 'resend' && mail.tries + 1 < resendTries
  return {
    state: resend ? 'pending' : 'unconfirmed',
    reason: 'answer_lost',
    reply,
    countsAsTry: true,
    nextTryAt: resend ? new Date(now.getTime() + resendDelay) : null,
  }
}

/** Returns the outcome of a mail that was refused: unconfirmed where it was sent before, because that one may have arrived. */
function failed({ mail }: AttemptValues, reason: MailReason, reply: string | null): Outcome {
  const given = { reply, countsAsTry: true, nextTryAt: null }
  if (mail.in_doubt) return { state: 'unconfirmed', reason: 'answer_lost', ...given }
  return { state: 'failed', reason, ...given }
}

function later(of: AttemptValues, delivery: Extract<Delivery, { kind: 'later' }>): Outcome {
  const { mail, now, triedAt } = of
  const delay = nextTryDelay(mail.tries + 1, {
    sinceFirstTry: now.getTime() - triedAt.getTime(),
    mailboxFull: delivery.mailboxFull,
    random: of.random,
  })
  const waiting: MailReason = delivery.mailboxFull ? 'mailbox_full' : 'temporary_failure'
  if (delay === null) {
    return { ...failed(of, delivery.mailboxFull ? waiting : 'gave_up', delivery.reply), triedAt }
  }
  return {
    state: 'pending',
    reason: waiting,
    reply: delivery.reply,
    countsAsTry: true,
    nextTryAt: new Date(now.getTime() + delay),
    // A mail that never gets as far as the gate must be given up in the end, too.
    triedAt,
  }
}
