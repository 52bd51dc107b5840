import type { SmtpAnswer, SmtpStep } from './answers.ts'
import { answerOf, noAnswer } from './replies.ts'
import type { SmtpStream } from './smtp-stream.ts'
import type { SendRequest } from './types.ts'

/** The commands that agree on a mail before its content, in their order. */
export const envelopeSteps = ['MAIL', 'RCPT', 'DATA'] as const

/** Writes the commands of a mail's envelope, in the order of `envelopeSteps`. `size` is the mail's, in bytes. */
export function envelopeCommands(
  { extensions }: SmtpStream,
  { from, to }: Pick<SendRequest, 'from' | 'to'>,
  size: number,
): string[] {
  return [`MAIL FROM:<${from}>${extensions.size ? ` SIZE=${size}` : ''}\r\n`, `RCPT TO:<${to}>\r\n`, 'DATA\r\n']
}

/**
 * Sends an envelope, all of it at once where the server allows that, otherwise up to the first command that is refused.
 * Resolves to the replies, of which there are fewer than commands when one was refused or the connection is over.
 */
export async function sendEnvelope(
  stream: SmtpStream,
  commands: readonly string[],
  milliseconds: number,
): Promise<readonly string[]> {
  if (stream.extensions.pipelining)
    return (await stream.send(commands.join(''), envelopeSteps.length, milliseconds)).replies
  const replies: string[] = []
  for (const command of commands) {
    const [reply] = (await stream.send(command, 1, milliseconds)).replies
    if (reply !== undefined) replies.push(reply)
    if (!isPositive(reply)) break
  }
  return replies
}

/**
 * Resolves to null when the server agreed to the whole envelope and waits for the content; otherwise to the first refusal,
 * once the server waits for no content any more.
 */
export async function refusalOf(
  stream: SmtpStream,
  replies: readonly string[],
  milliseconds: number,
): Promise<SmtpAnswer | null> {
  const refusedAt = envelopeSteps.findIndex((step, index) => !isAgreed(step, replies[index]))
  const refused = envelopeSteps[refusedAt]
  if (refused === undefined) return null
  const reply = replies[refusedAt]
  if (reply === undefined) return answerOfClosed(stream, refused)
  await endUnwantedData(stream, { refused, dataReply: replies[2], milliseconds })
  return answerOf(reply, { command: refused, gatePassed: false })
}

/** Tells why a command before the content got no reply. */
export function answerOfClosed({ unsolicitedReply, closeReason }: SmtpStream, command: SmtpStep): SmtpAnswer {
  // RFC 5321 section 3.8: 421 is the one reply that a server may send without being asked.
  if (unsolicitedReply?.startsWith('421') === true) return answerOf(unsolicitedReply, { command, gatePassed: false })
  return noAnswer(command, 'lost', closeReason ?? 'The connection to the mail server was closed.')
}

/** Tells whether a reply is positive (2xx). */
export function isPositive(reply: string | undefined): boolean {
  return reply?.startsWith('2') === true
}

/** Tells whether a mail is larger than the server said that it takes. */
export function isTooLarge({ extensions }: SmtpStream, body: string): boolean {
  return extensions.largestMail !== null && body.length > extensions.largestMail
}

/** Builds the answer to a mail that is too large to be offered to the server. */
export function tooLargeAnswer({ extensions }: SmtpStream): SmtpAnswer {
  const limit = `The mail server takes no mail of more than ${extensions.largestMail} bytes.`
  return noAnswer('MAIL', 'too_large', limit)
}

/** Writes the content as it follows DATA: a line that begins with a dot gets one more, and a dot alone ends it (RFC 5321 section 4.5.2). */
export function contentAfterData(body: string): string {
  const stuffed = (body.startsWith('.') ? '.' : '') + body.replaceAll('\r\n.', '\r\n..')
  return stuffed.endsWith('\r\n') ? `${stuffed}.\r\n` : `${stuffed}\r\n.\r\n`
}

function isAgreed(step: SmtpStep, reply: string | undefined): boolean {
  return isPositive(reply) || (step === 'DATA' && reply?.startsWith('3') === true)
}

/**
 * A server that was sent the whole envelope at once may wait for content although it refused the sender or the recipient.
 * Where only the recipient was refused, empty content ends that (RFC 2920 section 3.1); where the sender was refused, nothing
 * that the server says afterwards can be relied on, and the connection is closed.
 */
async function endUnwantedData(
  stream: SmtpStream,
  options: { refused: SmtpStep; dataReply: string | undefined; milliseconds: number },
): Promise<void> {
  const { refused, dataReply, milliseconds } = options
  if (dataReply === undefined || !/^[23]/.test(dataReply)) return
  if (refused === 'MAIL') stream.close()
  else await stream.send('.\r\n', 1, milliseconds)
}
