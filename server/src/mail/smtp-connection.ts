import { Readable } from 'node:stream'
import SMTPConnection from 'nodemailer/lib/smtp-connection'
import { classifyAnswer, type Answer, type SmtpStep } from './answers.ts'
import type { Delivery, SendRequest, SmtpSettings, SmtpTimeouts } from './types.ts'

/** A connection that is open and signed in. It carries one mail at a time. */
export interface MailConnection {
  /** True once nothing can be sent over it any more. */
  readonly dead: boolean
  /** True when a mail was agreed to the end over it: it is not one that the server drops as soon as it can. */
  readonly proven: boolean
  deliver(request: SendRequest, body: Buffer): Promise<Delivery>
  /** Makes ready for the next mail after one that was not sent; false when the connection is of no more use. */
  reset(): Promise<boolean>
  /** Takes leave with QUIT, and does not wait long for the answer. */
  quit(): void
  destroy(): void
}

export type Opening = { ok: true; connection: MailConnection } | { ok: false; answer: Answer }

/** What nodemailer tells of a failure, as far as it is looked at. */
interface SmtpError extends Error {
  code?: string
  /** The operating system's, where there is one. */
  originalCode?: string
  response?: string
  command?: string
  timeoutType?: string
}

/** One SMTPConnection and what waits for it: it reports a failure as an event, to a callback, or only by ending. */
interface Session {
  smtp: SMTPConnection
  failure: SmtpError | null
  onFailure: ((error: SmtpError) => void) | null
}

type Heard<Value> = { error: null; value: Value } | { error: SmtpError; value: null }
type Callback<Value> = (error?: Error | null, value?: Value) => void
/** Starts the time anew, or stops it with null. */
type Extend = (milliseconds: number | null) => void

const quitMilliseconds = 2000
const longestReply = 500

/**
 * Connects, upgrades to TLS, greets and signs in. Never rejects: a failure is an answer for `classifyAnswer`. `signal`
 * ends the attempt, and nothing else.
 */
export async function openConnection(
  settings: SmtpSettings,
  timeouts: SmtpTimeouts,
  signal: AbortSignal,
): Promise<Opening> {
  const session = newSession(settings, timeouts)
  const abort = (): void => destroy(session)
  signal.addEventListener('abort', abort)
  const opening = await signIn(session, settings, timeouts)
  signal.removeEventListener('abort', abort)
  return opening
}

async function signIn(session: Session, settings: SmtpSettings, timeouts: SmtpTimeouts): Promise<Opening> {
  const { smtp } = session
  const setUp = timeouts.connect + timeouts.greeting + timeouts.command
  const connected = await heard<void>(session, setUp, (done) => smtp.connect(done))
  if (connected.error !== null) {
    const answer = answerWhileOpening(connected.error, smtp)
    smtp.close()
    return { ok: false, answer }
  }
  if (settings.user === null) return { ok: true, connection: connectionOver(session, timeouts) }

  if (!smtp.allowsAuth) {
    smtp.quit()
    return { ok: false, answer: noAnswer('AUTH', 'no_sign_in', 'The mail server offers no sign-in.') }
  }
  const auth = { user: settings.user, pass: settings.password ?? '' }
  const signedIn = await heard<boolean>(session, timeouts.command, (done) => smtp.login(auth, done))
  if (signedIn.error === null) return { ok: true, connection: connectionOver(session, timeouts) }
  smtp.close()
  const unusable = signedIn.error.code === 'EAUTH' && signedIn.error.response === undefined
  return {
    ok: false,
    answer: unusable
      ? noAnswer('AUTH', 'no_sign_in', signedIn.error.message)
      : answerTo(signedIn.error, { step: 'AUTH', gatePassed: false }),
  }
}

function newSession(settings: SmtpSettings, timeouts: SmtpTimeouts): Session {
  const smtp = new SMTPConnection({
    host: settings.host,
    port: settings.port,
    secure: settings.secure,
    requireTLS: settings.requireTls,
    ignoreTLS: settings.ignoreTls,
    tls: { rejectUnauthorized: settings.rejectUnauthorized },
    connectionTimeout: timeouts.connect,
    dnsTimeout: timeouts.connect,
    greetingTimeout: timeouts.greeting,
    // The waits below end sooner; this one is for a gate that never answers.
    socketTimeout: Math.max(timeouts.command, timeouts.delivery) + 1000,
    // A mail that the gate refused is cut off, not ended.
    socketCloseTimeout: 0,
    maxResponseSize: 65_536,
  })
  const session: Session = { smtp, failure: null, onFailure: null }
  const lose = (error: SmtpError): void => {
    session.failure ??= error
    session.onFailure?.(session.failure)
  }
  smtp.on('error', lose)
  // After the callbacks and the error event, which say more; some endings have neither.
  smtp.on('end', () => setImmediate(() => lose(new Error('The connection to the mail server was closed.'))))
  return session
}

function destroy(session: Session): void {
  const error = new Error('The connection was closed by Rollcall.')
  session.failure ??= error
  session.onFailure?.(error)
  session.smtp.close()
}

/** Waits for one callback of SMTPConnection, for the loss of the connection or for the time to pass; the first counts. */
function heard<Value>(
  session: Session,
  milliseconds: number,
  start: (done: Callback<Value>, extend: Extend) => void,
): Promise<Heard<Value>> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined
    const settle = (outcome: Heard<Value>): void => {
      clearTimeout(timer)
      session.onFailure = null
      resolve(outcome)
    }
    const fail = (error: SmtpError): void => settle({ error, value: null })
    const extend: Extend = (longest) => {
      clearTimeout(timer)
      if (longest === null) return
      timer = setTimeout(() => {
        fail(new Error(`The mail server did not answer for ${longest / 1000} s.`))
        session.smtp.close()
      }, longest)
    }
    session.onFailure = fail
    if (session.failure !== null) return fail(session.failure)
    extend(milliseconds)
    start((error, value) => {
      if (error === null || error === undefined) settle({ error: null, value: value as Value })
      else fail(error)
    }, extend)
  })
}

function connectionOver(session: Session, timeouts: SmtpTimeouts): MailConnection {
  const { smtp } = session
  let proven = false
  return {
    get dead() {
      return session.failure !== null || smtp.destroyed
    },
    get proven() {
      return proven
    },
    async deliver(request, body) {
      const delivery = await deliver(session, timeouts, request, body)
      if (delivery.kind !== 'again' && delivery.kind !== 'hold') proven = true
      return delivery
    },
    async reset() {
      const reset = await heard<boolean>(session, timeouts.command, (done) => smtp.reset(done))
      return reset.error === null
    },
    quit() {
      smtp.quit()
      setTimeout(() => smtp.close(), quitMilliseconds).unref()
    },
    destroy: () => destroy(session),
  }
}

/** How far one mail has come: `pushed` is the side of the gate, and nothing else is. */
interface Passage {
  asked: Promise<void> | null
  closed: { cause: unknown } | null
  /** Set immediately before the first byte of the mail can leave, and after the gate said yes. */
  pushed: boolean
  /** The whole mail was taken out of our hands; some of it may still wait to be written. */
  ended: boolean
}

/** Hands one mail over. */
async function deliver(
  session: Session,
  timeouts: SmtpTimeouts,
  request: SendRequest,
  body: Buffer,
): Promise<Delivery> {
  const { smtp } = session
  const passage: Passage = { asked: null, closed: null, pushed: false, ended: false }
  const outcome = await heard<{ response: string }>(session, timeouts.command, (done, extend) => {
    const passGate = async (): Promise<void> => {
      extend(null)
      passage.closed = await closedGate(() => request.gate(session))
      if (passage.closed !== null) return done(new Error('The gate was closed.'))
      // The connection was lost meanwhile: nothing was handed over, and nothing will be.
      if (mail.destroyed || session.failure !== null || smtp.destroyed) return
      passage.pushed = true
      extend(timeouts.delivery)
      writeAtOnce(smtp)
      mail.push(body)
      mail.push(null)
    }
    // SMTPConnection reads for the first time after the server's 354.
    const mail = new Readable({
      read() {
        passage.asked ??= passGate()
      },
    })
    mail.once('end', () => {
      passage.ended = true
    })
    smtp.send({ from: request.from, to: [request.to], size: body.length }, mail, done)
  })
  // An answer that comes before its question ends the trust in what this connection says, and the rest is not sent.
  const isWhole = passage.ended && isWritten(smtp)
  if (passage.asked !== null && !isWhole) smtp.close()
  // Whoever asked for this mail must find its gate settled.
  await passage.asked
  if (passage.closed !== null) return { kind: 'gate_closed', cause: passage.closed.cause }

  const verdict = classifyAnswer(answerToMail(outcome, { pushed: passage.pushed, isWhole }))
  if (verdict.kind === 'unconfirmed' || (verdict.kind === 'again' && verdict.cause === 'connection')) smtp.close()
  return verdict
}

/** What is written until the event loop comes round leaves together: the mail and its final dot in one packet, not two. */
function writeAtOnce({ _socket: socket }: SMTPConnection): void {
  if (!socket) return
  socket.cork()
  setImmediate(() => socket.uncork())
}

function isWritten({ _socket: socket }: SMTPConnection): boolean {
  return !socket || socket.writableLength === 0
}

async function closedGate(gate: () => Promise<boolean>): Promise<Passage['closed']> {
  try {
    return (await gate()) ? null : { cause: null }
  } catch (cause) {
    return { cause }
  }
}

function answerToMail(outcome: Heard<{ response: string }>, at: { pushed: boolean; isWhole: boolean }): Answer {
  const { pushed, isWhole } = at
  if (outcome.error !== null) return answerTo(outcome.error, { step: 'DATA', gatePassed: pushed })
  if (isWhole) return { gatePassed: true, command: 'DOT', error: null, ...replyOf(outcome.value.response) }
  const answer = noAnswer(pushed ? 'DOT' : 'DATA', 'protocol', 'The mail server answered before it had the mail.')
  return { ...answer, gatePassed: pushed }
}

function answerWhileOpening(error: SmtpError, smtp: SMTPConnection): Answer {
  const isTls = error.code === 'ETLS' || error.timeoutType === 'UPGRADE_TIMEOUT' || smtp.upgrading === true
  if (isTls && error.response === undefined) return noAnswer('STARTTLS', 'tls', error.message)
  // A reset can be faster than the news that the connection stands.
  if (smtp.stage === 'init' && error.originalCode !== 'ECONNRESET') {
    return noAnswer('CONNECT', 'unreachable', error.message)
  }
  return answerTo(error, { step: 'GREETING', gatePassed: false })
}

/** `step` is where the conversation was, unless the error knows better. */
function answerTo(error: SmtpError, at: { step: SmtpStep; gatePassed: boolean }): Answer {
  if (error.code === 'EMESSAGE' && error.response === undefined) return noAnswer('MAIL', 'too_large', error.message)
  // Past the gate only the answer to the mail itself counts: the rest is a connection that broke.
  const isAnswer = error.response !== undefined && (!at.gatePassed || error.code === 'EMESSAGE')
  if (!isAnswer) {
    const step = at.gatePassed ? 'DOT' : stepOf(error, at.step)
    return { ...noAnswer(step, 'lost', error.message), gatePassed: at.gatePassed }
  }
  const reply = replyOf(error.response ?? '')
  const command = at.gatePassed ? 'DOT' : stepOf(error, at.step)
  return reply.code === null
    ? { ...noAnswer(command, 'protocol', error.message), gatePassed: at.gatePassed }
    : { gatePassed: at.gatePassed, command, error: null, ...reply }
}

const steps: Record<string, SmtpStep> = {
  EHLO: 'EHLO',
  HELO: 'EHLO',
  STARTTLS: 'STARTTLS',
  AUTH: 'AUTH',
  'MAIL FROM': 'MAIL',
  'RCPT TO': 'RCPT',
  DATA: 'DATA',
}

function stepOf(error: SmtpError, otherwise: SmtpStep): SmtpStep {
  const command = error.command?.startsWith('AUTH ') === true ? 'AUTH' : (error.command ?? '')
  return steps[command] ?? otherwise
}

function noAnswer(command: SmtpStep, error: NonNullable<Answer['error']>, text: string): Answer {
  return { gatePassed: false, command, code: null, enhanced: null, text: shortened(text), error }
}

/** Code, enhanced code and the server's words on one line (RFC 5321 section 4.2, RFC 3463). */
function replyOf(response: string): Pick<Answer, 'code' | 'enhanced' | 'text'> {
  const [first = '', ...others] = response.split(/\r?\n/)
  const [, code, enhanced] = /^(\d{3})(?:[ -](\d\.\d{1,3}\.\d{1,3})(?: |$))?/.exec(first) ?? []
  const words = others.map((line) => line.replace(/^\d{3}[ -](\d\.\d{1,3}\.\d{1,3} )?/, ''))
  return {
    code: code === undefined ? null : Number(code),
    enhanced: enhanced ?? null,
    text: shortened([first.replace(/^(\d{3})-/, '$1 '), ...words].join(' ')),
  }
}

function shortened(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim()
    .slice(0, longestReply)
}
