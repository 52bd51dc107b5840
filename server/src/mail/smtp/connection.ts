import { classifyAnswer, type Answer, type SmtpStep } from './answers.ts'
import { openSmtp } from './connecting.ts'
import { answerOf, noAnswer } from './replies.ts'
import { takeWire, type Heard, type Wire } from './protocol-stream.ts'
import type { Delivery, SendRequest, SmtpSettings, SmtpTimeouts, Verdict } from './types.ts'

/** A connection that is open and signed in. It carries one mail at a time, and may announce the next with it. */
export interface MailConnection {
  /** True once nothing can be sent over it any more. */
  readonly dead: boolean
  /** Set once a mail got an answer of its own over it: it is not one that the server drops as soon as it can. */
  proven: boolean
  /**
   * Hands one mail over. `next`: asked when it goes over; what that gives is announced with it, and has to be the next that
   * is delivered over this connection. `announced`: what is known of this one, where it was announced.
   */
  deliver(request: SendRequest, next: () => Announcement | null, announced: Announced | null): Promise<Delivery>
  /** What announces a mail together with the one before it; null where the server takes none so, or not this one. */
  announcementOf(request: SendRequest): Announcement | null
  /** Makes ready for the next mail after one that was not sent; false when the connection is of no more use. */
  reset(): Promise<boolean>
  /** Takes leave with QUIT, and does not wait long for the answer. */
  quit(): void
  destroy(): void
}

/** A mail whose envelope goes over together with the mail before it (RFC 2920 section 3.1). */
export interface Announcement {
  body: string
  said: string
  /** What is answered to it; fewer than asked for when the connection is over. */
  replies: Promise<readonly string[]>
}

/** A mail that was announced, and what was answered to it. */
export interface Announced {
  body: string
  replies: readonly string[]
}

export type Opening = { ok: true; connection: MailConnection } | { ok: false; answer: Answer }

const quitMilliseconds = 2000

/**
 * Connects, upgrades to TLS, greets and signs in. Never rejects: a failure is an answer for `classifyAnswer`. `signal`
 * ends the attempt, and nothing else.
 */
export async function openConnection(
  settings: SmtpSettings,
  timeouts: SmtpTimeouts,
  signal: AbortSignal,
): Promise<Opening> {
  const opening = await openSmtp(settings, timeouts, signal)
  if (!opening.ok) return opening
  const { _socket: socket } = opening.smtp
  if (!socket) return { ok: false, answer: noAnswer('GREETING', 'lost', 'The connection to the mail server is gone.') }
  return { ok: true, connection: connectionOver(takeWire(opening.smtp, socket), timeouts) }
}

function connectionOver(wire: Wire, timeouts: SmtpTimeouts): MailConnection {
  const connection: MailConnection = {
    get dead() {
      return wire.dead
    },
    proven: false,
    deliver: (request, next, announced) => deliver({ wire, timeouts, connection, request, next }, announced),
    announcementOf: (request) => announcementOf(wire, request),
    async reset() {
      const { replies } = await wire.ask('RSET\r\n', 1, timeouts.command)
      return isYes(replies[0])
    },
    quit() {
      void wire.ask('QUIT\r\n', 1, quitMilliseconds).then(() => wire.cut())
    },
    destroy: () => wire.cut(),
  }
  return connection
}

interface Handover {
  wire: Wire
  timeouts: SmtpTimeouts
  connection: MailConnection
  request: SendRequest
  next: () => Announcement | null
}

async function deliver(over: Handover, announced: Announced | null): Promise<Delivery> {
  const { wire, timeouts, connection, request } = over
  if (announced !== null) {
    const refusal = await refusalIn(wire, timeouts, announced.replies)
    return refusal === null ? passGate(over, announced.body) : conclude(over, refusal)
  }
  if (request.begin !== undefined && !(await request.begin(connection))) return { kind: 'gate_closed', cause: null }
  const body = request.body()
  const refusal = isTooLarge(wire, body) ? tooLarge(wire) : await agree(wire, timeouts, request, body.length)
  return refusal === null ? passGate(over, body) : conclude(over, refusal)
}

/** Throws nothing: a mail that cannot be made is told when its turn comes. */
function announcementOf(wire: Wire, request: SendRequest): Announcement | null {
  if (!wire.offers.pipelining) return null
  let body: string
  try {
    body = request.body()
  } catch {
    return null
  }
  if (isTooLarge(wire, body)) return null
  return { body, said: envelopeOf(wire, request, body.length).join(''), replies: Promise.resolve([]) }
}

/** Asks the gate of a mail that the server waits for, and hands it over. */
async function passGate(over: Handover, body: string): Promise<Delivery> {
  const { wire, timeouts, connection, request, next } = over
  let isOpen = false
  let cause: unknown = null
  try {
    isOpen = await request.gate(connection)
  } catch (error) {
    cause = error
  }
  if (!isOpen) {
    // The server waits for a mail that it does not get.
    wire.cut()
    return { kind: 'gate_closed', cause }
  }
  // The connection was lost meanwhile: nothing was handed over, and nothing will be.
  if (wire.dead) return conclude(over, whyDead(wire, 'DATA'))

  const announcement = next()
  const asked = wire.ask(asData(body), 1, timeouts.delivery, announcement?.said)
  if (announcement !== null) {
    announcement.replies = wire.hearAhead(envelope.length, timeouts.command).then(({ replies }) => replies)
  }
  const heard = await asked
  // An answer that comes before its question ends the trust in what this connection says, and the rest is not sent.
  if (!heard.isWritten) wire.cut()
  return conclude(over, answerToMail(heard))
}

function isTooLarge({ offers }: Wire, body: string): boolean {
  return offers.largest !== null && body.length > offers.largest
}

function tooLarge({ offers }: Wire): Answer {
  return noAnswer('MAIL', 'too_large', `The mail server takes no mail of more than ${offers.largest} bytes.`)
}

/** Its commands in the order of `envelope`. */
function envelopeOf({ offers }: Wire, { from, to }: Pick<SendRequest, 'from' | 'to'>, size: number): string[] {
  return [`MAIL FROM:<${from}>${offers.size ? ` SIZE=${size}` : ''}\r\n`, `RCPT TO:<${to}>\r\n`, 'DATA\r\n']
}

/** Null when the server waits for the mail; otherwise why it does not. */
async function agree(
  wire: Wire,
  timeouts: SmtpTimeouts,
  request: Pick<SendRequest, 'from' | 'to'>,
  size: number,
): Promise<Answer | null> {
  const commands = envelopeOf(wire, request, size)
  const replies = wire.offers.pipelining
    ? (await wire.ask(commands.join(''), envelope.length, timeouts.command)).replies
    : await askInTurn(wire, commands, timeouts.command)
  return refusalIn(wire, timeouts, replies)
}

/** Null where everything was agreed; otherwise the first that was not, when the server waits for nothing any more. */
async function refusalIn(
  wire: Wire,
  { command: milliseconds }: SmtpTimeouts,
  replies: readonly string[],
): Promise<Answer | null> {
  const refusedAt = envelope.findIndex((command, index) => !isAgreed(command, replies[index]))
  const refused = envelope[refusedAt]
  if (refused === undefined) return null
  const reply = replies[refusedAt]
  if (reply === undefined) return whyDead(wire, refused)
  await refuseData(wire, milliseconds, { refused, data: replies[2] })
  return answerOf(reply, { command: refused, gatePassed: false })
}

/** What is agreed before a mail. */
const envelope = ['MAIL', 'RCPT', 'DATA'] as const

function isAgreed(command: SmtpStep, reply: string | undefined): boolean {
  return isYes(reply) || (command === 'DATA' && reply?.startsWith('3') === true)
}

/** Says one command after the other, up to the first that is not answered with yes. */
async function askInTurn(wire: Wire, commands: readonly string[], milliseconds: number): Promise<string[]> {
  const replies: string[] = []
  for (const said of commands) {
    const heard = await wire.ask(said, 1, milliseconds)
    replies.push(...heard.replies)
    if (!isYes(heard.replies[0])) break
  }
  return replies
}

/**
 * A server that was told everything at once may wait for the mail although it refused who it is from or for. What has no
 * recipient can be ended empty (RFC 2920 section 3.1); what has no sender is nothing to rely on.
 */
async function refuseData(
  wire: Wire,
  milliseconds: number,
  { refused, data }: { refused: SmtpStep; data: string | undefined },
): Promise<void> {
  if (data === undefined || !/^[23]/.test(data)) return
  if (refused === 'MAIL') wire.cut()
  else await wire.ask('.\r\n', 1, milliseconds)
}

/** The mail as it goes over the wire: lines that begin with a dot have one more, and a dot ends it (RFC 5321 section 4.5.2). */
function asData(body: string): string {
  const hasDots = body.startsWith('.') || body.includes('\r\n.')
  const stuffed = hasDots ? body.replaceAll(/^\./gm, '..') : body
  return stuffed.endsWith('\r\n') ? `${stuffed}.\r\n` : `${stuffed}\r\n.\r\n`
}

function answerToMail({ replies: [reply], problem, isWritten }: Heard): Answer {
  const at = { command: 'DOT', gatePassed: true } as const
  if (reply === undefined) return { ...noAnswer('DOT', 'lost', problem ?? ''), gatePassed: true }
  if (isWritten || !isYes(reply)) return answerOf(reply, at)
  return { ...noAnswer('DOT', 'protocol', 'The mail server answered before it had the mail.'), gatePassed: true }
}

/** Why a question before the mail got no answer. */
function whyDead({ unasked, problem }: Wire, command: SmtpStep): Answer {
  // The one thing that a server says without being asked (RFC 5321 section 3.8).
  if (unasked?.startsWith('421') === true) return answerOf(unasked, { command, gatePassed: false })
  return noAnswer(command, 'lost', problem ?? 'The connection to the mail server was closed.')
}

function isYes(reply: string | undefined): boolean {
  return reply?.startsWith('2') === true
}

function conclude({ wire, connection }: Handover, answer: Answer): Verdict {
  const verdict = classifyAnswer(answer, connection.proven)
  // What is not known of one mail must not be taken for an answer to the next.
  const isLost = verdict.kind === 'unconfirmed' || (verdict.kind === 'again' && verdict.cause === 'connection')
  if (isLost) wire.cut()
  return verdict
}
