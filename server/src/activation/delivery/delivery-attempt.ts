import { activationLink, activationToken } from '../../accounts/token.ts'
import { composeMail } from '../../mail/composing/compose.ts'
import type { Delivery, SendRequest } from '../../mail/smtp/types.ts'
import type { DueMail } from '../chunks/items.queries.ts'
import { messageIdOf } from '../chunks/message-id.ts'
import { mayContinue, stopRunsOfSession, type DeliveryRun, type LastMail } from './delivery-run.ts'
import { countFailureStreak } from './failure-streaks.ts'
import { outcomeOf, type Outcome } from './outcomes.ts'

/** Sends one mail. When the promise resolves, the outbox has the outcome, and a hold that follows from it is stored. */
export async function deliver(run: DeliveryRun, mail: DueMail): Promise<void> {
  const attempt = new DeliveryAttempt(run, mail)
  try {
    await run.context.sender.send(attempt)
  } catch (error) {
    if (!(error instanceof NotComposable)) throw error
    attempt.delivered(notComposable, null)
  }
  await attempt.streakCounted
}

/**
 * One attempt to hand one mail to the mail server. The outbox has the outcome of a mail before the next mail over the same
 * connection asks for its gate.
 */
class DeliveryAttempt implements SendRequest {
  readonly from: string
  readonly to: string
  /** Resolves when the delivery has been counted in the failure streak, and a hold that follows from it is stored. */
  streakCounted: Promise<void> = Promise.resolve()
  readonly #run: DeliveryRun
  readonly #mail: DueMail
  readonly #triedAt: Date
  /** True when the gate was asked, and so may have been stored. */
  #gateAsked = false

  constructor(run: DeliveryRun, mail: DueMail) {
    this.from = run.senderAddress
    this.to = mail.email
    this.#run = run
    this.#mail = mail
    this.#triedAt = mail.first_try_at === null ? run.context.now() : new Date(mail.first_try_at)
  }

  /**
   * Composes the mail. The sender asks for it only when it has a connection, because hundreds of mails wait for one, and
   * the garbage collector works longer on memory that is kept for long.
   */
  body(): string {
    return composed(this.#run, this.#mail, this.#triedAt)
  }

  isWanted(): boolean {
    return mayContinue(this.#run)
  }

  async begin(connection: object): Promise<boolean> {
    await lastRefusalRecorded(this.#run, connection)
    return mayContinue(this.#run)
  }

  async gate(connection: object): Promise<boolean> {
    const run = this.#run
    await lastMailOfAnotherSessionRecorded(run, connection)
    if (!mayContinue(run)) return false
    this.#gateAsked = true
    return run.context.outbox.gate({
      claim: run.claimed,
      position: this.#mail.position,
      triedAt: this.#triedAt,
      canary: run.session.canary !== null,
    })
  }

  delivered(delivery: Delivery, connection: object | null): void {
    const run = this.#run
    const { context, session, claimed } = run
    if (delivery.kind === 'gate_closed') run.stopped = true
    const outcome = outcomeOf(delivery, {
      mail: this.#mail,
      policy: session.options.unconfirmed,
      now: context.now(),
      triedAt: this.#triedAt,
      gateAsked: this.#gateAsked,
      random: context.random,
    })
    if (outcome !== null) {
      const recorded = record(run, this.#mail, outcome)
      run.recording.push(recorded)
      const last: LastMail = { sessionId: claimed.sessionId, recorded, refused: !this.#gateAsked }
      if (connection !== null) run.state.lastMails.set(connection, last)
    }
    this.streakCounted = countFailureStreak(run, delivery)
  }
}

/**
 * Waits until the outcome of the last mail over this connection is stored, where that was a mail of another session. A
 * connection has at most one mail in flight whose outcome the database does not know. The outbox stores what concerns one
 * session in the order in which it is asked, so a mail of the same session does not have to be waited for.
 */
async function lastMailOfAnotherSessionRecorded({ state, claimed }: DeliveryRun, connection: object): Promise<void> {
  const last = state.lastMails.get(connection)
  if (last !== undefined && last.sessionId !== claimed.sessionId) await last.recorded
}

/**
 * Waits until the outcome of the last mail over this connection is stored, where the mail server refused that mail before the
 * gate. The run of such a mail is told of a pause only when the outcome is stored, because the mail never asked for the gate;
 * without this wait, any number of people could be tried after a pause while a commit is slow. A mail whose envelope was
 * pipelined follows a mail that asked for the gate.
 */
async function lastRefusalRecorded({ state }: DeliveryRun, connection: object): Promise<void> {
  const last = state.lastMails.get(connection)
  if (last?.refused === true) await last.recorded
}

/** Stores an outcome while the send loop continues with the next mail. Never rejects, because the run keeps the first failure. */
async function record(run: DeliveryRun, mail: DueMail, outcome: Outcome): Promise<void> {
  const { context, claimed } = run
  const entry = { claim: claimed, position: mail.position, at: context.now(), triedAt: null, ...outcome }
  try {
    const { stored, sessionRuns } = await context.outbox.recordOutcome(entry)
    if (stored) run.recorded += 1
    if (!stored) run.stopped = true
    if (!sessionRuns) stopRunsOfSession(run.state, claimed.sessionId)
  } catch (error) {
    run.failure ??= error
    run.stopped = true
  }
}

/** The error of a mail that cannot be composed. */
class NotComposable extends Error {}

/** What becomes of a mail that cannot be composed: it fails alone, so that the data of one person does not stop all mails. */
const notComposable: Delivery = {
  kind: 'failed',
  reason: 'not_composable',
  countsTowardHold: true,
  reply: null,
  problem: null,
}

/** Composes the whole mail as it is sent. Throws NotComposable. */
function composed(run: DeliveryRun, mail: DueMail, date: Date): string {
  const { session, context } = run
  const token = activationToken(context.linkKey, mail.account_id, mail.generation)
  try {
    return composeMail(run.composed, {
      to: mail.email,
      firstName: mail.first_name,
      lastName: mail.last_name,
      company: mail.company,
      link: activationLink(session.template.publicUrl, token),
      messageId: messageIdOf(session.id, mail.position, run.senderAddress),
      date,
    })
  } catch (error) {
    context.logger.error({ err: error, sessionId: session.id, position: mail.position }, 'a mail could not be made')
    throw new NotComposable()
  }
}
