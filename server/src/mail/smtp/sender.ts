import type { Logger } from 'pino'
import { createStateMachine, type StateMachine } from '../../util/state-machine.ts'
import { isSendable, parseSender } from '../address.ts'
import { classifyAnswer } from './answers.ts'
import { createBackoff, type Backoff } from './backoff.ts'
import { openConnection, type AnsweredEnvelope, type MailConnection } from './connection.ts'
import { createConnectionLimit, type ConnectionLimit } from './connection-limit.ts'
import { closingDelivery, createConnectionPool, type ConnectionPool } from './connection-pool.ts'
import { createPipeliningTrust } from './pipelining-trust.ts'
import { createPipelining, noPipelining, type NextMail, type PipelinedMail, type Pipelining } from './pipelining.ts'
import { senderTransitions, type SenderMode } from './sender-modes.ts'
import { createSlots, type Slots } from './slots.ts'
import type { Delivery, Probe, SendRequest, SmtpSender, SmtpSettings, SmtpTimeouts } from './types.ts'

/** RFC 5321 section 4.5.3.2 says how long a client waits for what a mail needs; shorter timeouts make duplicates (RFC 1047). */
const defaultSmtpTimeouts: SmtpTimeouts = {
  connect: 30_000,
  greeting: 30_000,
  command: 5 * 60_000,
  delivery: 10 * 60_000,
  idle: 30_000,
}

interface SmtpSenderOptions {
  settings: SmtpSettings
  logger: Logger
  timeouts?: Partial<SmtpTimeouts>
  /**
   * Whether the envelope of the next mail is sent together with the content of a mail where the server offers PIPELINING; true
   * unless given.
   */
  pipelining?: boolean
  /** Milliseconds of a clock that only goes forward. */
  now?: () => number
}

/** The parts of a sender. */
interface SenderParts {
  settings: SmtpSettings
  timeouts: SmtpTimeouts
  modes: StateMachine<SenderMode>
  /** Ends the attempts to connect when the sender stops being open. */
  closing: AbortController
  limit: ConnectionLimit
  slots: Slots<PipelinedMail>
  backoff: Backoff
  pool: ConnectionPool
  pipelining: Pipelining
}

/** Creates a sender with connections of its own. It connects when there is a mail to send. */
export function createSmtpSender(options: SmtpSenderOptions): SmtpSender {
  const parts = createParts(options)
  return {
    send: (request) => send(parts, request),
    get connections() {
      return parts.limit.current
    },
    probe: () => probe(parts),
    close: (milliseconds = 20_000) => close(parts, milliseconds),
  }
}

function createParts(options: SmtpSenderOptions): SenderParts {
  const { settings, logger, now = () => performance.now() } = options
  const timeouts = { ...defaultSmtpTimeouts, ...options.timeouts }
  const modes = createStateMachine('SMTP sender', senderTransitions, 'open')
  const closing = new AbortController()
  const limit = createConnectionLimit(settings.connections, now, logger)
  const slots = createSlots<PipelinedMail>(limit)
  const backoff = createBackoff(() => performance.now())
  const pool = createConnectionPool({
    settings,
    timeouts,
    limit,
    backoff,
    onOpened: () => slots.grantFree(),
    closing: closing.signal,
  })
  const pipelining =
    options.pipelining === false
      ? noPipelining
      : createPipelining({
          slots,
          trust: createPipeliningTrust(now),
          // A mail that has a slot and waits for a connection comes before the mails that wait for a slot.
          isAllowed: () => modes.is('open') && !pool.isAwaited && !pool.isOverLimit,
          longestWithoutReply: Math.min(10_000, timeouts.command / 2),
        })
  return { settings, timeouts, modes, closing, limit, slots, backoff, pool, pipelining }
}

async function send(parts: SenderParts, request: SendRequest): Promise<Delivery> {
  const { modes, slots, pool } = parts
  checkSender(request.from)
  if (!isSendable(request.to)) return report(parts, request, null, notSendable)
  const grant = modes.is('open') ? await slots.acquire(request) : { kind: 'closing' as const }
  if (grant.kind === 'closing') return report(parts, request, null, closingDelivery())
  if (grant.kind === 'pipelined') {
    const { connection, answered } = grant.pipelined
    const envelope = await answered
    if (envelope !== null) return deliverOver(parts, connection, request, envelope)
    pool.discard(connection)
  }
  return sendOverNextFree(parts, request)
}

/** Sends a mail that has a slot over the connection that is free next. */
async function sendOverNextFree(parts: SenderParts, request: SendRequest): Promise<Delivery> {
  const { pool, slots } = parts
  const taken = await pool.take(request).catch((error: unknown) => {
    slots.release()
    throw error
  })
  if (taken.connection !== null) return deliverOver(parts, taken.connection, request, null)
  slots.release()
  return report(parts, request, null, taken.delivery)
}

/** Delivers a mail over a connection, and then hands connection and slot on: to the pipelined mail, or back to pool and slots. */
async function deliverOver(
  parts: SenderParts,
  connection: MailConnection,
  request: SendRequest,
  pipelined: AnsweredEnvelope | null,
): Promise<Delivery> {
  let next = null as NextMail | null
  const chooseNext = () => (next = parts.pipelining.chooseNext(connection))?.envelope ?? null
  try {
    const delivery = await connection.deliver(request, chooseNext, pipelined)
    adjustLimits(parts, connection, delivery)
    const reported = report(parts, request, connection, delivery)
    if (next === null) release(parts, connection)
    else if (endedConnection(connection, delivery)) restart(parts, connection, next)
    else next.proceed()
    return reported
  } catch (error) {
    if (next === null) release(parts, connection)
    else restart(parts, connection, next)
    throw error
  }
}

/** Learns from a delivery how many connections the server bears, and whether it can be connected to at once. */
function adjustLimits({ limit, backoff }: SenderParts, connection: MailConnection, delivery: Delivery): void {
  if (delivery.kind !== 'again' && delivery.kind !== 'hold') connection.isProven = true
  if (connection.isProven) backoff.reset()
  if (delivery.kind !== 'again') return
  if (delivery.cause === 'throttled') limit.lower(null)
  else if (!connection.isProven) backoff.failed()
}

/** Tells the caller's `delivered` of a delivery; a mail that is pending again because the sender is closing says so. */
function report(
  { modes }: SenderParts,
  request: SendRequest,
  connection: MailConnection | null,
  delivery: Delivery,
): Delivery {
  const reported: Delivery =
    delivery.kind === 'again' && !modes.is('open') ? { ...delivery, cause: 'stopped' } : delivery
  request.delivered?.(reported, connection)
  return reported
}

/** Returns a connection to the pool once it is ready for another mail or gone, and frees its slot. */
function release({ modes, pool, slots }: SenderParts, connection: MailConnection): void {
  const giveBack = (): void => {
    pool.giveBack(connection)
    slots.release()
  }
  if (connection.mode === 'unclean' && !connection.isClosed && modes.is('open')) void connection.reset().then(giveBack)
  else giveBack()
}

/**
 * After the end of a mail, whatever was answered to it, the next can begin (RFC 5321 section 4.1.1.4). But an answer that is
 * not known, and a server that takes its leave, end the connection, and what else came over it is void.
 */
function endedConnection(connection: MailConnection, { kind }: Delivery): boolean {
  return connection.isClosed && (kind === 'unconfirmed' || kind === 'again')
}

/** Lets a pipelined mail begin anew over another connection, as if its envelope had not been sent. */
function restart({ pool }: SenderParts, connection: MailConnection, next: NextMail): void {
  pool.discard(connection)
  next.restart()
}

async function probe({ settings, timeouts, closing }: SenderParts): Promise<Probe> {
  const result = await openConnection(settings, timeouts, closing.signal)
  if (!result.ok) return classifyAnswer(result.answer)
  result.connection.quit()
  return { kind: 'ready' }
}

async function close(parts: SenderParts, milliseconds: number): Promise<void> {
  const { modes, closing, slots, backoff, pool } = parts
  if (modes.is('open')) modes.transitionTo('draining')
  closing.abort()
  slots.close()
  backoff.reset()
  pool.drain()
  await within(milliseconds, slots.allReleased())
  pool.closeAll()
  await within(1000, slots.allReleased())
  if (modes.is('draining')) modes.transitionTo('closed')
}

const notSendable: Delivery = {
  kind: 'failed',
  reason: 'address_refused',
  countsTowardHold: false,
  reply: null,
  problem: 'This is not exactly one address that mail can be sent to.',
}

/** Throws when the sender of a mail is not exactly one address. */
function checkSender(address: string): void {
  const sender = parseSender(address)
  if (!sender.ok || sender.sender.address !== address) throw new Error('The sender of a mail is not one address.')
}

/** Waits for work, but no longer than this. */
async function within(milliseconds: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise((resolve) => {
    timer = setTimeout(resolve, milliseconds)
  })
  await Promise.race([work, timeout])
  clearTimeout(timer)
}
