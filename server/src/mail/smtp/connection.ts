import { createStateMachine, type StateMachine } from '../../util/state-machine.ts'
import { takeSocket } from '../../vendor/nodemailer.ts'
import { classifyAnswer, type SmtpAnswer } from './answers.ts'
import { connectToServer } from './connecting.ts'
import { connectionTransitions, type ConnectionMode } from './connection-modes.ts'
import {
  answerOfClosed,
  contentAfterData,
  envelopeCommands,
  envelopeSteps,
  isPositive,
  isTooLarge,
  refusalOf,
  sendEnvelope,
  tooLargeAnswer,
} from './envelope.ts'
import { answerOf, noAnswer } from './replies.ts'
import { createSmtpStream, type CommandReplies, type SmtpStream } from './smtp-stream.ts'
import type { Delivery, SendRequest, SmtpSettings, SmtpTimeouts, Verdict } from './types.ts'

/** A connection that is signed in. It carries one mail at a time, and may send the envelope of the next one with its content. */
export interface MailConnection {
  readonly mode: ConnectionMode
  /** True once nothing can be sent over it any more; known a moment before the mode is `closed`. */
  readonly isClosed: boolean
  /** Set once a mail got an answer of its own over it: then it is not one that the server drops as soon as it can. */
  isProven: boolean
  /**
   * Hands one mail over. `chooseNext` is asked when the gate is open: the envelope that it returns is sent with the content, and
   * its mail has to be the next that is delivered over this connection. `pipelined` is this mail's own envelope with the
   * replies to it, where it was sent with the content of the mail before. Rejects only when the mail's body cannot be made.
   */
  deliver(
    request: SendRequest,
    chooseNext: () => PipelinedEnvelope | null,
    pipelined: AnsweredEnvelope | null,
  ): Promise<Delivery>
  /** Prepares the envelope of a mail for being sent with the content of another; null where the server takes none so, or not this one. */
  pipelinedEnvelope(request: SendRequest): PipelinedEnvelope | null
  /** Sends RSET after a mail that was not sent; the connection is `ready` when the server agreed. */
  reset(): Promise<void>
  /** Says QUIT, and closes the connection after the reply or 2 seconds. */
  quit(): void
  /** Closes the connection without another word. */
  close(): void
}

/** An envelope that is sent together with the content of the mail before it (RFC 2920 section 3.1). */
export interface PipelinedEnvelope {
  /** The whole mail that the envelope belongs to. */
  body: string
  commands: string
  /** The replies to its commands; there are fewer when the connection is over. */
  replies: Promise<readonly string[]>
}

/** A pipelined envelope whose replies have come. */
export interface AnsweredEnvelope {
  body: string
  replies: readonly string[]
}

export type OpenResult = { ok: true; connection: MailConnection } | { ok: false; answer: SmtpAnswer }

const quitMilliseconds = 2000

/**
 * Connects, upgrades to TLS, greets and signs in. Never rejects: a failure is an answer for `classifyAnswer`. `signal` ends the
 * attempt; it does nothing to a connection that is already open.
 */
export async function openConnection(
  settings: SmtpSettings,
  timeouts: SmtpTimeouts,
  signal: AbortSignal,
): Promise<OpenResult> {
  const modes = createStateMachine('connection to the mail server', connectionTransitions, 'connecting')
  const result = await connectToServer(settings, timeouts, signal)
  if (!result.ok) return result
  const socket = takeSocket(result.smtp)
  if (socket === null) {
    return { ok: false, answer: noAnswer('GREETING', 'lost', 'The connection to the mail server is gone.') }
  }
  modes.transitionTo('ready')
  const stream = createSmtpStream(result.smtp, socket, () => modes.transitionTo('closed'))
  return { ok: true, connection: createMailConnection(stream, modes, timeouts) }
}

function createMailConnection(
  stream: SmtpStream,
  modes: StateMachine<ConnectionMode>,
  timeouts: SmtpTimeouts,
): MailConnection {
  const connection: MailConnection = {
    get mode() {
      return modes.mode
    },
    get isClosed() {
      return stream.isClosed
    },
    isProven: false,
    deliver: (request, chooseNext, pipelined) =>
      deliver({ stream, modes, timeouts, connection, request, chooseNext }, pipelined),
    pipelinedEnvelope: (request) => pipelinedEnvelope(stream, request),
    async reset() {
      enter(modes, 'resetting')
      const { replies } = await stream.send('RSET\r\n', 1, timeouts.command)
      if (isPositive(replies[0])) enter(modes, 'ready')
    },
    quit() {
      enter(modes, 'quitting')
      void stream.send('QUIT\r\n', 1, quitMilliseconds).then(() => stream.close())
    },
    close: () => stream.close(),
  }
  return connection
}

/** Enters a mode, unless the connection was closed meanwhile, which can happen at any time: then it stays closed. */
function enter(modes: StateMachine<ConnectionMode>, mode: ConnectionMode): void {
  if (!modes.is('closed')) modes.transitionTo(mode)
}

/** One mail on its way over one connection. */
interface Handover {
  stream: SmtpStream
  modes: StateMachine<ConnectionMode>
  timeouts: SmtpTimeouts
  connection: MailConnection
  request: SendRequest
  chooseNext: () => PipelinedEnvelope | null
}

async function deliver(handover: Handover, pipelined: AnsweredEnvelope | null): Promise<Delivery> {
  const { stream, modes } = handover
  let next = null as PipelinedEnvelope | null
  const chooseNext = (): PipelinedEnvelope | null => (next = handover.chooseNext())
  // A pipelined envelope was sent already, when the mail before it was handed over.
  if (pipelined === null) enter(modes, 'envelope')
  try {
    const delivery = await agreeAndHandOver({ ...handover, chooseNext }, pipelined)
    if (next !== null) enter(modes, 'envelope')
    else enter(modes, delivery.kind === 'sent' ? 'ready' : 'unclean')
    return delivery
  } catch (error) {
    // Within the envelope RSET ends the mail; later the server would take RSET for content.
    if (modes.is('envelope')) enter(modes, 'unclean')
    else stream.close()
    throw error
  }
}

async function agreeAndHandOver(handover: Handover, pipelined: AnsweredEnvelope | null): Promise<Delivery> {
  const { stream, timeouts, connection, request } = handover
  if (pipelined !== null) {
    const refusal = await refusalOf(stream, pipelined.replies, timeouts.command)
    return refusal === null ? passGate(handover, pipelined.body) : conclude(handover, refusal)
  }
  if (request.begin !== undefined && !(await request.begin(connection))) return { kind: 'gate_closed', cause: null }
  const body = request.body()
  if (isTooLarge(stream, body)) return conclude(handover, tooLargeAnswer(stream))
  const replies = await sendEnvelope(stream, envelopeCommands(stream, request, body.length), timeouts.command)
  const refusal = await refusalOf(stream, replies, timeouts.command)
  return refusal === null ? passGate(handover, body) : conclude(handover, refusal)
}

/** Asks the gate of a mail whose content the server waits for, and hands the content over when the gate is open. */
async function passGate(handover: Handover, body: string): Promise<Delivery> {
  const { stream, modes, connection, request } = handover
  enter(modes, 'gate')
  let isOpen = false
  let cause: unknown = null
  try {
    isOpen = await request.gate(connection)
  } catch (error) {
    cause = error
  }
  if (!isOpen) {
    // The server waits for content that it does not get, so the connection cannot go on.
    stream.close()
    return { kind: 'gate_closed', cause }
  }
  // Where the connection was lost meanwhile, nothing was handed over, and nothing will be.
  if (stream.isClosed) return conclude(handover, answerOfClosed(stream, 'DATA'))
  enter(modes, 'content')
  return conclude(handover, await handOver(handover, body))
}

/** Sends the content together with the envelope of the next mail, and waits for the answer to the content. */
async function handOver({ stream, timeouts, chooseNext }: Handover, body: string): Promise<SmtpAnswer> {
  const next = chooseNext()
  const replies = stream.send(contentAfterData(body), 1, timeouts.delivery, next?.commands)
  if (next !== null) {
    next.replies = stream.repliesToAhead(envelopeSteps.length, timeouts.command).then((ahead) => ahead.replies)
  }
  const reply = await replies
  // A server that answers before it was asked cannot be trusted with what is still to be sent.
  if (!reply.isWritten) stream.close()
  return answerToContent(reply)
}

function pipelinedEnvelope(stream: SmtpStream, request: SendRequest): PipelinedEnvelope | null {
  if (!stream.extensions.pipelining) return null
  let body: string
  try {
    body = request.body()
  } catch {
    // A mail that cannot be made is reported when its own delivery begins.
    return null
  }
  if (isTooLarge(stream, body)) return null
  return { body, commands: envelopeCommands(stream, request, body.length).join(''), replies: Promise.resolve([]) }
}

function answerToContent({ replies: [reply], problem, isWritten }: CommandReplies): SmtpAnswer {
  const at = { command: 'DOT', gatePassed: true } as const
  if (reply === undefined) return { ...noAnswer('DOT', 'lost', problem ?? ''), gatePassed: true }
  if (isWritten || !isPositive(reply)) return answerOf(reply, at)
  return { ...noAnswer('DOT', 'protocol', 'The mail server answered before it had the mail.'), gatePassed: true }
}

function conclude({ stream, connection }: Handover, answer: SmtpAnswer): Verdict {
  const verdict = classifyAnswer(answer, connection.isProven)
  // An answer that is still to come for this mail must not be taken for an answer to the next one.
  const isLost = verdict.kind === 'unconfirmed' || (verdict.kind === 'again' && verdict.cause === 'connection')
  if (isLost) stream.close()
  return verdict
}
