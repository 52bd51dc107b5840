import { extendLinksOf, isLinkEnding } from '../../accounts/accounts.usecases.ts'
import { activationLink, activationToken } from '../../accounts/token.ts'
import type { ChunkJob } from '../../jobs/queues.ts'
import { composeMail, composeTemplate } from '../../mail/composing/compose.ts'
import { senderOf } from '../../mail/address.ts'
import type { Delivery, SendRequest } from '../../mail/smtp/types.ts'
import { settleAll } from '../../util/settle-all.ts'
import { lockHeldChunk, type HeldChunk } from '../chunks/chunks.queries.ts'
import { lastEventId } from '../session/events.queries.ts'
import { dueMails, settleActive, type DueMail } from '../chunks/items.queries.ts'
import { holdIfBreakerOpen } from '../holds/holds.usecases.ts'
import type { LastMail, SharedTurns, Turn } from './delivery-run.ts'
import { messageIdOf } from '../chunks/message-id.ts'
import { outcomeOf, type Outcome } from './outcomes.ts'
import { advance } from '../session/advance.queries.ts'
import { readSession, type SessionRow } from '../session/sessions.queries.ts'
import { countStreak } from './failure-streaks.ts'
import { workOnChunk } from '../chunks/chunk-run.ts'
import type { WorkerContext } from '../chunks/worker-context.ts'

/**
 * Sends the mails of one chunk that are due. A mail leaves only after the gate stored it as `sending` for this node and
 * this fence; its outcome is stored before the chunk is given back.
 */
export async function sendMailsOfChunk(context: WorkerContext, shared: SharedTurns, job: ChunkJob): Promise<void> {
  await workOnChunk(context, job, 'mails', async (held) => {
    const [session, eventsBefore] = await Promise.all([
      readSession(context.database, held.sessionId) as Promise<SessionRow>,
      lastEventId(context.database, held.sessionId),
    ])
    const turn = beginTurn(context, shared, { held, session, eventsBefore })
    try {
      // Asked of a turn that holds can stop already: one that is stored from now on is not missed.
      await Promise.all(shared.holding)
      if (turn.stopped || (await holdIfBreakerOpen(context, held.sessionId))) return { idle: true }
      await sendAll(turn, await preparedMails(context, held, session))
    } finally {
      shared.underWay.delete(turn)
    }
    return { idle: turn.settled === 0 }
  })
}

function beginTurn(
  context: WorkerContext,
  shared: SharedTurns,
  of: Pick<Turn, 'held' | 'session' | 'eventsBefore'>,
): Turn {
  const { held, session } = of
  const streak = shared.streaks.get(held.sessionId) ?? { reason: null, length: 0 }
  shared.streaks.set(held.sessionId, streak)
  const turn: Turn = {
    ...of,
    context,
    ...templateOf(shared, session),
    shared,
    streak,
    stopped: false,
    settled: 0,
    storing: [],
    failure: null,
  }
  shared.underWay.add(turn)
  return turn
}

/** That of another turn of the session that is under way: a template stays as it was at the session's start. */
function templateOf(shared: SharedTurns, { id, template }: SessionRow): Pick<Turn, 'composed' | 'sender'> {
  for (const turn of shared.underWay)
    if (turn.session.id === id) return { composed: turn.composed, sender: turn.sender }
  const from = senderOf(template.from)
  return {
    composed: composeTemplate(template.source, from, { linkDays: template.linkLifeDays }),
    sender: from.address,
  }
}

/** A process that was frozen finds out by its own clock, without asking anybody. */
function goesOn({ context, held, stopped }: Turn): boolean {
  return !stopped && !context.stopping() && context.nodeId() === held.nodeId
}

/**
 * The mails of a chunk that are due. A link lives as long as its mail says, counted from the mail and not from the account,
 * however long the session waited; and whoever has a password by now needs no mail.
 */
async function preparedMails(context: WorkerContext, held: HeldChunk, session: SessionRow): Promise<DueMail[]> {
  const links = { now: context.now(), linkLifeDays: session.template.linkLifeDays }
  const mails = await dueMails(context.workerDatabase, held)
  const ending = mails.filter((mail) => isLinkEnding(mail.token_expires_at, links))
  // Of a session that goes on at once, none.
  if (ending.length === 0 && mails.every((mail) => mail.account_status === 'invited')) return mails
  await context.workerDatabase.transaction(async (transaction) => {
    if (!(await lockHeldChunk(transaction, held))) return
    await extendLinksOf(
      transaction,
      ending.map((mail) => mail.account_id),
      links,
    )
    const { skipped, arrived } = await settleActive(transaction, held)
    const deltas = { mailsSkipped: skipped, mailsSent: arrived }
    if (skipped + arrived > 0) await advance(transaction, { sessionId: held.sessionId, now: links.now, deltas })
  })
  // One whose time has come only now was not looked at; its turn is the next.
  const dueNow = await dueMails(context.workerDatabase, held)
  return dueNow.filter((mail) => mail.account_status === 'invited' && !isLinkEnding(mail.token_expires_at, links))
}

async function sendAll(turn: Turn, mails: DueMail[]): Promise<void> {
  const next = mails.values()
  const count = Math.min(sendLoopsFor(turn), mails.length)
  turn.shared.sendLoops += count
  const loops = Array.from({ length: count }, async () => {
    for (const mail of next) {
      if (!goesOn(turn)) return
      await sendMail(turn, mail)
    }
  })
  try {
    await settleAll(loops)
  } finally {
    turn.shared.sendLoops -= count
    await Promise.all(turn.storing)
  }
  if (turn.failure !== null) throw turn.failure
}

/**
 * How many mails of a turn are asked for at once: one for each connection, and one more for each, to be pipelined with it, as
 * far as other turns do not ask for them. More would only wait, and what waits long costs the collector more.
 */
function sendLoopsFor({ context, shared }: Turn): number {
  const { connections } = context.sender
  return Math.max(connections, 2 * connections - shared.sendLoops)
}

async function sendMail(turn: Turn, mail: DueMail): Promise<void> {
  const { context } = turn
  if (!(await context.rateLimiter.acquire(mail.email))) return
  const trial = new Trial(turn, mail)
  try {
    await context.sender.send(trial)
  } catch (error) {
    if (!(error instanceof NotComposable)) throw error
    trial.delivered(notComposable, null)
  }
  await trial.counted
}

/** One mail on its way. Its outcome is with the outbox before the next mail over the same connection asks for its gate. */
class Trial implements SendRequest {
  readonly from: string
  readonly to: string
  /** Resolves when it is known what the delivery means for the session. */
  counted: Promise<void> | undefined
  readonly #turn: Turn
  readonly #mail: DueMail
  readonly #triedAt: Date
  /** True when the gate was asked, and so may have been stored. */
  #asked = false

  constructor(turn: Turn, mail: DueMail) {
    this.from = turn.sender
    this.to = mail.email
    this.#turn = turn
    this.#mail = mail
    this.#triedAt = mail.first_try_at === null ? turn.context.now() : new Date(mail.first_try_at)
  }

  /** Not before there is a connection for it: hundreds wait for one, and what waits is not young any more when it goes. */
  body(): string {
    return composed(this.#turn, this.#mail, this.#triedAt)
  }

  isWanted(): boolean {
    return goesOn(this.#turn)
  }

  async begin(connection: object): Promise<boolean> {
    await lastRefusal(this.#turn, connection)
    return goesOn(this.#turn)
  }

  async gate(connection: object): Promise<boolean> {
    const turn = this.#turn
    await lastOfAnotherSession(turn, connection)
    if (!goesOn(turn)) return false
    this.#asked = true
    return turn.context.outbox.gate({
      holding: turn.held,
      position: this.#mail.position,
      triedAt: this.#triedAt,
      canary: turn.session.canary !== null,
    })
  }

  delivered(delivery: Delivery, connection: object | null): void {
    const turn = this.#turn
    const { context, session } = turn
    if (delivery.kind === 'gate_closed') turn.stopped = true
    const outcome = outcomeOf(delivery, {
      mail: this.#mail,
      policy: session.options.unconfirmed,
      now: context.now(),
      triedAt: this.#triedAt,
      asked: this.#asked,
      random: context.random,
    })
    if (outcome !== null) keep(turn, connection, { stored: store(turn, this.#mail, outcome), refused: !this.#asked })
    this.counted = countStreak(turn, delivery)
  }
}

/**
 * Resolves when it is stored. A connection has at most one mail in flight that the database does not know the outcome of.
 * The outbox stores what concerns one session in the order in which it is asked, so only the mail of another session has
 * to be waited for.
 */
function lastOfAnotherSession({ shared, held }: Turn, connection: object): Promise<void> | undefined {
  const last = shared.last.get(connection)
  return last?.sessionId === held.sessionId ? undefined : last?.stored
}

/**
 * Resolves when it is stored. A mail that was refused before the gate never met it, and hears of a pause when its outcome
 * is stored: without this, a slow commit would let any number of people be tried after it. A mail that was pipelined
 * with another comes after one that met the gate.
 */
function lastRefusal({ shared }: Turn, connection: object): Promise<void> | undefined {
  const last = shared.last.get(connection)
  return last?.refused === true ? last.stored : undefined
}

function keep(turn: Turn, connection: object | null, of: Pick<LastMail, 'stored' | 'refused'>): void {
  turn.storing.push(of.stored)
  if (connection !== null) turn.shared.last.set(connection, { sessionId: turn.held.sessionId, ...of })
}

/** Stores an outcome while its send loop goes on with the next mail. */
async function store(turn: Turn, mail: DueMail, outcome: Outcome): Promise<void> {
  const { context, held } = turn
  const entry = { holding: held, position: mail.position, at: context.now(), triedAt: null, ...outcome }
  try {
    const { stored, runs } = await context.outbox.settle(entry)
    if (stored) turn.settled += 1
    if (!stored) turn.stopped = true
    if (!runs)
      for (const other of turn.shared.underWay) if (other.held.sessionId === held.sessionId) other.stopped = true
  } catch (error) {
    turn.failure ??= error
    turn.stopped = true
  }
}

/** Thrown where a mail cannot be made. */
class NotComposable extends Error {}

/** One person's data must not stop everybody's mails: one that cannot be made fails alone. */
const notComposable: Delivery = {
  kind: 'failed',
  reason: 'not_composable',
  countsTowardHold: true,
  reply: null,
  problem: null,
}

/** The mail. Throws NotComposable. */
function composed(turn: Turn, mail: DueMail, date: Date): string {
  const { session, context } = turn
  const token = activationToken(context.linkKey, mail.account_id, mail.generation)
  try {
    return composeMail(turn.composed, {
      to: mail.email,
      firstName: mail.first_name,
      lastName: mail.last_name,
      company: mail.company,
      link: activationLink(session.template.publicUrl, token),
      messageId: messageIdOf(session.id, mail.position, turn.sender),
      date,
    })
  } catch (error) {
    context.logger.error({ err: error, sessionId: session.id, position: mail.position }, 'a mail could not be made')
    throw new NotComposable()
  }
}
