import type { HoldReason, MailReason } from '@rollcall/shared'
import { activationLink, activationToken } from '../accounts/token.ts'
import type { ChunkJob } from '../jobs/queues.ts'
import { nextTryDelay, refusalsBeforeHold } from '../mail/answers.ts'
import { composeMail, composeTemplate, type ComposedTemplate } from '../mail/compose.ts'
import { parseSender } from '../mail/address.ts'
import type { Delivery, Sender } from '../mail/types.ts'
import { claimChunk, releaseChunk, type HeldChunk } from './chunks.queries.ts'
import { dueMails, type DueMail } from './items.queries.ts'
import type { OutcomeEntry } from './ledger.queries.ts'
import { holdSession } from './levers.usecases.ts'
import { messageIdOf } from './message-id.ts'
import { readSession, type SessionRow } from './sessions.queries.ts'
import type { WorkerParts } from './worker-parts.ts'

/** A turn of work on the mails of one chunk. */
interface Turn {
  parts: WorkerParts
  held: HeldChunk
  session: SessionRow
  composed: ComposedTemplate
  sender: string
  streak: Streak
  /** Set when nothing more of the chunk is to be sent in this turn. */
  stopped: boolean
  /** Mails that are pending again although they were due: a reason to wait a moment before the next turn. */
  again: number
}

/** What the last mails of a session had in common; a mail that is sent ends it. */
export interface Streak {
  reason: HoldReason | null
  length: number
}

/** A mail whose answer was lost is sent again at most this often under the policy `resend`. */
const resendTries = 5
const resendDelay = 60_000
/** Milliseconds before mails that got no connection are tried again. */
const againDelay = 1000

/**
 * Sends the mails of one chunk that are due. A mail leaves only after the gate stored it as `sending` for this node and
 * this fence; its outcome is stored before the chunk is given back.
 */
export async function sendMailsOfChunk(parts: WorkerParts, streaks: Map<string, Streak>, job: ChunkJob): Promise<void> {
  const nodeId = parts.stopping() ? null : parts.nodeId()
  const held = await claimChunk(parts.database, { ...job, phase: 'mails', nodeId })
  if (held === null) return
  let again = 0
  try {
    again = await sendDueMails(parts, streaks, held)
  } finally {
    await parts.database.transaction((transaction) => {
      const notBefore = again > 0 ? new Date(parts.now().getTime() + againDelay) : null
      return releaseChunk(parts.boss, transaction, held, 'mails', notBefore)
    })
  }
}

async function sendDueMails(parts: WorkerParts, streaks: Map<string, Streak>, held: HeldChunk): Promise<number> {
  const session = (await readSession(parts.database, held.sessionId)) as SessionRow
  const from = senderOf(session.template.from)
  const streak = streaks.get(held.sessionId) ?? { reason: null, length: 0 }
  streaks.set(held.sessionId, streak)
  const turn: Turn = {
    parts,
    held,
    session,
    composed: composeTemplate(session.template.source, from, { linkDays: session.template.linkLifeDays }),
    sender: from.address,
    streak,
    stopped: false,
    again: 0,
  }
  const mails = await dueMails(parts.database, held, parts.now())
  const next = mails.values()
  // As many at once as there are connections; the sender hands each of them one of its own.
  const lanes = Array.from({ length: Math.min(parts.sender.connections, mails.length) }, async () => {
    for (const mail of next) {
      if (turn.stopped || parts.stopping() || parts.nodeId() !== held.nodeId) return
      await sendMail(turn, mail)
    }
  })
  await settleAll(lanes)
  return turn.again
}

/** The sender was checked when it was configured; that it is not one any more would be a mistake of ours. */
function senderOf(text: string): Sender {
  const checked = parseSender(text)
  if (!checked.ok) throw new Error(`The session's sender is not one: ${checked.reason}.`)
  return checked.sender
}

/** Waits for all of them, then throws the first failure: a lane that fails must not leave others running behind. */
async function settleAll(lanes: Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(lanes)
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

async function sendMail(turn: Turn, mail: DueMail): Promise<void> {
  const { parts, held } = turn
  const triedAt = mail.first_try_at === null ? parts.now() : new Date(mail.first_try_at)
  let asked = false
  const delivery = await parts.sender.send({
    from: turn.sender,
    to: mail.email,
    body: () => mailBody(turn, mail, triedAt),
    gate: async () => {
      // A process that was frozen finds out by its own clock, without asking anybody.
      if (turn.stopped || parts.nodeId() !== held.nodeId) return false
      asked = true
      return parts.ledger.gate({ holding: held, position: mail.position, triedAt })
    },
  })
  const outcome = outcomeOf(turn, mail, delivery, triedAt, asked)
  if (outcome !== null) {
    const stored = await parts.ledger.settle({ holding: held, position: mail.position, at: parts.now(), ...outcome })
    if (!stored) turn.stopped = true
  }
  await countStreak(turn, delivery)
}

function mailBody(turn: Turn, mail: DueMail, date: Date): Buffer {
  const { session, parts } = turn
  const token = activationToken(parts.secret, mail.account_id, mail.generation)
  return composeMail(turn.composed, {
    to: mail.email,
    firstName: mail.first_name,
    lastName: mail.last_name,
    company: mail.company,
    link: activationLink(session.template.publicUrl, token),
    messageId: messageIdOf(session.id, mail.position, session.template.from),
    date,
  })
}

type Outcome = Omit<OutcomeEntry, 'holding' | 'position' | 'at'>

/** What is stored of a delivery; null when the item stays as it is: pending, and no try used. */
function outcomeOf(turn: Turn, mail: DueMail, delivery: Delivery, triedAt: Date, asked: boolean): Outcome | null {
  const now = turn.parts.now()
  const pendingAgain: Outcome = { state: 'pending', reason: null, reply: null, countsAsTry: false, nextTryAt: null }
  switch (delivery.kind) {
    case 'sent':
      return { state: 'sent', reason: null, reply: delivery.reply, countsAsTry: true, nextTryAt: null }
    case 'failed':
      return { state: 'failed', reason: delivery.reason, reply: delivery.reply, countsAsTry: true, nextTryAt: null }
    case 'unconfirmed':
      return unconfirmed(turn, mail, delivery.problem ?? delivery.reply, now)
    case 'later':
      return later(turn, mail, delivery, triedAt)
    case 'gate_closed':
      turn.stopped = true
      // When the answer of the database was lost, the gate may have been stored although nothing was handed over.
      return delivery.cause === null || delivery.cause === undefined ? null : pendingAgain
    case 'hold':
      turn.again += 1
      return asked ? pendingAgain : null
    case 'again':
      turn.again += 1
      return asked ? pendingAgain : null
  }
}

function unconfirmed(turn: Turn, mail: DueMail, reply: string | null, now: Date): Outcome {
  const resend = turn.session.options.unconfirmed === 'resend' && mail.tries + 1 < resendTries
  return {
    state: resend ? 'pending' : 'unconfirmed',
    reason: 'answer_lost',
    reply,
    countsAsTry: true,
    nextTryAt: resend ? new Date(now.getTime() + resendDelay) : null,
  }
}

function later(turn: Turn, mail: DueMail, delivery: Extract<Delivery, { kind: 'later' }>, triedAt: Date): Outcome {
  const now = turn.parts.now()
  const delay = nextTryDelay(mail.tries + 1, {
    sinceFirstTry: now.getTime() - triedAt.getTime(),
    mailboxFull: delivery.mailboxFull,
    random: turn.parts.random,
  })
  const waiting: MailReason = delivery.mailboxFull ? 'mailbox_full' : 'temporary_failure'
  return {
    state: delay === null ? 'failed' : 'pending',
    reason: delay === null && !delivery.mailboxFull ? 'gave_up' : waiting,
    reply: delivery.reply,
    countsAsTry: true,
    nextTryAt: delay === null ? null : new Date(now.getTime() + delay),
  }
}

/** Holds the session when the same trouble came often enough in a row. */
async function countStreak(turn: Turn, delivery: Delivery): Promise<void> {
  const { streak } = turn
  if (delivery.kind === 'sent' || delivery.kind === 'later') {
    streak.reason = null
    streak.length = 0
    return
  }
  const reason = delivery.kind === 'hold' ? delivery.reason : refusedTogether(delivery) ? 'too_many_failures' : null
  if (reason === null) return
  streak.length = streak.reason === reason ? streak.length + 1 : 1
  streak.reason = reason
  const enough = delivery.kind === 'hold' ? delivery.after : refusalsBeforeHold
  if (streak.length < enough || turn.stopped) return
  turn.stopped = true
  streak.length = 0
  const words = 'reply' in delivery ? (delivery.reply ?? delivery.problem) : null
  await holdSession(turn.parts, turn.held.sessionId, reason, words)
}

function refusedTogether(delivery: Delivery): boolean {
  return delivery.kind === 'failed' && delivery.countsTowardHold
}
