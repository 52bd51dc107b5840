import { connectStage, offersAuth, SMTPConnection, type SmtpConnectionError } from '../../vendor/nodemailer.ts'
import type { SmtpAnswer, SmtpStep } from './answers.ts'
import { answerOf, noAnswer } from './replies.ts'
import type { SmtpSettings, SmtpTimeouts } from './types.ts'

export type ConnectResult = { ok: true; smtp: SMTPConnection } | { ok: false; answer: SmtpAnswer }

/**
 * One connection of nodemailer that is being set up, and whoever waits for its next step: nodemailer reports a failure as an
 * event, to a callback, or only by the end of the connection.
 */
interface Attempt {
  smtp: SMTPConnection
  failure: SmtpConnectionError | null
  onFailure: ((error: SmtpConnectionError) => void) | null
}

type StepResult<Value> = { error: null; value: Value } | { error: SmtpConnectionError; value: null }
type Callback<Value> = (error?: Error | null, value?: Value) => void

/**
 * Connects, upgrades to TLS, greets and signs in. Never rejects: a failure is an answer for `classifyAnswer`. `signal` ends
 * the attempt; it does nothing to a connection that is already set up.
 */
export async function connectToServer(
  settings: SmtpSettings,
  timeouts: SmtpTimeouts,
  signal: AbortSignal,
): Promise<ConnectResult> {
  const attempt = startAttempt(settings, timeouts)
  const abort = (): void => abortAttempt(attempt)
  signal.addEventListener('abort', abort)
  const result = await connectAndSignIn(attempt, settings, timeouts)
  signal.removeEventListener('abort', abort)
  return result
}

async function connectAndSignIn(
  attempt: Attempt,
  settings: SmtpSettings,
  timeouts: SmtpTimeouts,
): Promise<ConnectResult> {
  const { smtp } = attempt
  const timeToConnect = timeouts.connect + timeouts.greeting + timeouts.command
  const connected = await resultOf<void>(attempt, timeToConnect, (done) => smtp.connect(done))
  if (connected.error !== null) {
    const answer = answerWhileConnecting(connected.error, smtp)
    smtp.close()
    return { ok: false, answer }
  }
  if (settings.user === null) return { ok: true, smtp }

  if (!offersAuth(smtp)) {
    smtp.quit()
    return { ok: false, answer: noAnswer('AUTH', 'no_sign_in', 'The mail server offers no sign-in.') }
  }
  const auth = { user: settings.user, pass: settings.password ?? '' }
  const signedIn = await resultOf<boolean>(attempt, timeouts.command, (done) => smtp.login(auth, done))
  if (signedIn.error === null) return { ok: true, smtp }
  smtp.close()
  const offersNoUsableMethod = signedIn.error.code === 'EAUTH' && signedIn.error.response === undefined
  return {
    ok: false,
    answer: offersNoUsableMethod
      ? noAnswer('AUTH', 'no_sign_in', signedIn.error.message)
      : answerTo(signedIn.error, 'AUTH'),
  }
}

function startAttempt(settings: SmtpSettings, timeouts: SmtpTimeouts): Attempt {
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
    // Every command has a timeout of its own, which ends sooner; this one is for a gate that never answers.
    socketTimeout: Math.max(timeouts.command, timeouts.delivery) + 1000,
    // The connection of a mail that the gate refused is cut off at once, so that the server takes nothing.
    socketCloseTimeout: 0,
    maxResponseSize: 65_536,
  })
  const attempt: Attempt = { smtp, failure: null, onFailure: null }
  const fail = (error: SmtpConnectionError): void => {
    attempt.failure ??= error
    attempt.onFailure?.(attempt.failure)
  }
  smtp.on('error', fail)
  // The callbacks and the error event tell the reason and come first, but some connections end with neither.
  smtp.on('end', () => setImmediate(() => fail(new Error('The connection to the mail server was closed.'))))
  return attempt
}

function abortAttempt(attempt: Attempt): void {
  const error = new Error('The connection was closed by Rollcall.')
  attempt.failure ??= error
  attempt.onFailure?.(error)
  attempt.smtp.close()
}

/** Waits for one callback of SMTPConnection, for the loss of the connection or for the timeout; what comes first counts. */
function resultOf<Value>(
  attempt: Attempt,
  milliseconds: number,
  start: (done: Callback<Value>) => void,
): Promise<StepResult<Value>> {
  return new Promise((resolve) => {
    const finish = (result: StepResult<Value>): void => {
      clearTimeout(timer)
      attempt.onFailure = null
      resolve(result)
    }
    const fail = (error: SmtpConnectionError): void => finish({ error, value: null })
    const timer = setTimeout(() => {
      fail(new Error(`The mail server did not answer for ${milliseconds / 1000} s.`))
      attempt.smtp.close()
    }, milliseconds)
    attempt.onFailure = fail
    if (attempt.failure !== null) return fail(attempt.failure)
    start((error, value) => {
      if (error === null || error === undefined) finish({ error: null, value: value as Value })
      else fail(error)
    })
  })
}

function answerWhileConnecting(error: SmtpConnectionError, smtp: SMTPConnection): SmtpAnswer {
  const stage = connectStage(smtp)
  const isTls = error.code === 'ETLS' || error.timeoutType === 'UPGRADE_TIMEOUT' || stage === 'upgrading'
  if (isTls && error.response === undefined) return noAnswer('STARTTLS', 'tls', error.message)
  // A connection can be reset before this process was told that it was established.
  if (stage === 'unconnected' && error.originalCode !== 'ECONNRESET') {
    return noAnswer('CONNECT', 'unreachable', error.message)
  }
  return answerTo(error, 'GREETING')
}

/** `step` is where the conversation was, unless the error knows better. */
function answerTo(error: SmtpConnectionError, step: SmtpStep): SmtpAnswer {
  const command = stepOf(error, step)
  if (error.response === undefined) return noAnswer(command, 'lost', error.message)
  return answerOf(error.response, { command, gatePassed: false })
}

const steps: Record<string, SmtpStep> = { EHLO: 'EHLO', HELO: 'EHLO', STARTTLS: 'STARTTLS', AUTH: 'AUTH' }

function stepOf(error: SmtpConnectionError, otherwise: SmtpStep): SmtpStep {
  const command = error.command?.startsWith('AUTH ') === true ? 'AUTH' : (error.command ?? '')
  return steps[command] ?? otherwise
}
