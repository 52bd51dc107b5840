import SMTPConnection from 'nodemailer/lib/smtp-connection'
import type { Answer, SmtpStep } from './answers.ts'
import { answerOf, noAnswer } from './replies.ts'
import type { SmtpSettings, SmtpTimeouts } from './types.ts'

type Opening = { ok: true; smtp: SMTPConnection } | { ok: false; answer: Answer }

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

/**
 * Connects, upgrades to TLS, greets and signs in. Never rejects: a failure is an answer for `classifyAnswer`. `signal`
 * ends the attempt, and nothing else.
 */
export async function openSmtp(settings: SmtpSettings, timeouts: SmtpTimeouts, signal: AbortSignal): Promise<Opening> {
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
  if (settings.user === null) return { ok: true, smtp }

  if (!smtp.allowsAuth) {
    smtp.quit()
    return { ok: false, answer: noAnswer('AUTH', 'no_sign_in', 'The mail server offers no sign-in.') }
  }
  const auth = { user: settings.user, pass: settings.password ?? '' }
  const signedIn = await heard<boolean>(session, timeouts.command, (done) => smtp.login(auth, done))
  if (signedIn.error === null) return { ok: true, smtp }
  smtp.close()
  const unusable = signedIn.error.code === 'EAUTH' && signedIn.error.response === undefined
  return {
    ok: false,
    answer: unusable ? noAnswer('AUTH', 'no_sign_in', signedIn.error.message) : answerTo(signedIn.error, 'AUTH'),
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
    // Every question has a time of its own, which ends sooner; this one is for a gate that never answers.
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
  start: (done: Callback<Value>) => void,
): Promise<Heard<Value>> {
  return new Promise((resolve) => {
    const settle = (outcome: Heard<Value>): void => {
      clearTimeout(timer)
      session.onFailure = null
      resolve(outcome)
    }
    const fail = (error: SmtpError): void => settle({ error, value: null })
    const timer = setTimeout(() => {
      fail(new Error(`The mail server did not answer for ${milliseconds / 1000} s.`))
      session.smtp.close()
    }, milliseconds)
    session.onFailure = fail
    if (session.failure !== null) return fail(session.failure)
    start((error, value) => {
      if (error === null || error === undefined) settle({ error: null, value: value as Value })
      else fail(error)
    })
  })
}

function answerWhileOpening(error: SmtpError, smtp: SMTPConnection): Answer {
  const isTls = error.code === 'ETLS' || error.timeoutType === 'UPGRADE_TIMEOUT' || smtp.upgrading === true
  if (isTls && error.response === undefined) return noAnswer('STARTTLS', 'tls', error.message)
  // A reset can be faster than the news that the connection stands.
  if (smtp.stage === 'init' && error.originalCode !== 'ECONNRESET') {
    return noAnswer('CONNECT', 'unreachable', error.message)
  }
  return answerTo(error, 'GREETING')
}

/** `step` is where the conversation was, unless the error knows better. */
function answerTo(error: SmtpError, step: SmtpStep): Answer {
  const command = stepOf(error, step)
  if (error.response === undefined) return noAnswer(command, 'lost', error.message)
  return answerOf(error.response, { command, gatePassed: false })
}

const steps: Record<string, SmtpStep> = { EHLO: 'EHLO', HELO: 'EHLO', STARTTLS: 'STARTTLS', AUTH: 'AUTH' }

function stepOf(error: SmtpError, otherwise: SmtpStep): SmtpStep {
  const command = error.command?.startsWith('AUTH ') === true ? 'AUTH' : (error.command ?? '')
  return steps[command] ?? otherwise
}
