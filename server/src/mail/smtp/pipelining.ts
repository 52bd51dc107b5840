import type { AnsweredEnvelope, MailConnection, PipelinedEnvelope } from './connection.ts'
import { isWanted } from './connection-pool.ts'
import type { PipeliningTrust } from './pipelining-trust.ts'
import type { Slots } from './slots.ts'

/** What a mail is granted whose envelope was sent with the content of the mail before it. */
export interface PipelinedMail {
  /** The connection of the mail before it. */
  connection: MailConnection
  /** Resolves to the replies to the envelope; to null when the mail has to begin anew over another connection. */
  answered: Promise<AnsweredEnvelope | null>
}

/** A mail whose envelope is sent with the content of the mail before it, until that one is answered. */
export interface NextMail {
  envelope: PipelinedEnvelope
  /** Has the mail delivered next, because the mail before it is answered and its connection goes on. */
  proceed(): void
  /** Has the mail begin anew over another connection, with the same slot, because this connection is over. */
  restart(): void
}

/**
 * Whether the envelope of the next mail is sent together with the content of a mail (RFC 2920 section 3.1), which saves a round
 * trip for each mail. What a mail is promised does not depend on it.
 */
export interface Pipelining {
  /** Called when a mail is handed over; returns the mail whose envelope is sent with it, or null for none. */
  chooseNext(connection: MailConnection): NextMail | null
}

/** Sends every envelope on its own, after the mail before it was answered. */
export const noPipelining: Pipelining = { chooseNext: () => null }

/**
 * Pipelines the mail that waits longest for a slot. It then gets the slot and the connection of the mail that is handed over.
 * `isAllowed` is false while the mail that comes next on a connection is another one, or none.
 */
export function createPipelining(options: {
  slots: Slots<PipelinedMail>
  trust: PipeliningTrust
  isAllowed: () => boolean
  /** A server that takes longer than this to answer an envelope has lost it, and may have replied only that nothing came. */
  longestWithoutReply: number
}): Pipelining {
  const { slots, trust, isAllowed, longestWithoutReply } = options

  /** Waits for the replies to an envelope, for a time that begins now, when the mail before it is answered, and decides whether they can be trusted. */
  async function answered({ body, replies: awaited }: PipelinedEnvelope): Promise<AnsweredEnvelope | null> {
    const since = performance.now()
    const replies = await awaited
    const isLate = performance.now() - since >= longestWithoutReply
    const isAnswered = replies.length > 0
    trust.ended(isLate || !isInStep(replies) ? 'failed' : isAnswered ? 'answered' : 'connection lost')
    return isAnswered && isInStep(replies) ? { body, replies } : null
  }

  return {
    chooseNext(connection) {
      if (!isAllowed() || !trust.isGiven()) return null
      const mail = slots.longestWaiting()
      if (mail === null || !isWanted(mail.request)) return null
      const envelope = connection.pipelinedEnvelope(mail.request)
      if (envelope === null) return null
      trust.begun()
      slots.dequeue(mail)
      return {
        envelope,
        proceed: () => mail.grant({ kind: 'pipelined', pipelined: { connection, answered: answered(envelope) } }),
        restart() {
          trust.ended('abandoned')
          mail.grant({ kind: 'slot' })
        },
      }
    },
  }
}

/**
 * Tells whether these can be the replies to an envelope. A server that answers the mail before it twice shows by a MAIL that is
 * refused for good, for which nobody is to be blamed before it was asked once more, or by a DATA without its 354.
 */
function isInStep([mail, , data]: readonly string[]): boolean {
  return mail?.startsWith('5') !== true && data?.startsWith('2') !== true
}
