import type { Answer, SmtpStep } from './answers.ts'

const longestReply = 500

/** What nothing but an answer tells: see `Answer`. */
export function noAnswer(command: SmtpStep, error: NonNullable<Answer['error']>, text: string): Answer {
  return { gatePassed: false, command, code: null, enhanced: null, text: shortened(text), error }
}

/** The answer that a whole reply is; one without a code is not SMTP. */
export function answerOf(reply: string, at: { command: SmtpStep; gatePassed: boolean }): Answer {
  const { code, enhanced, text } = replyOf(reply)
  if (code === null) return { ...noAnswer(at.command, 'protocol', text), gatePassed: at.gatePassed }
  return { ...at, code, enhanced, text, error: null }
}

/** Code, enhanced code and the server's words on one line (RFC 5321 section 4.2, RFC 3463). */
function replyOf(reply: string): Pick<Answer, 'code' | 'enhanced' | 'text'> {
  const [first = '', ...others] = reply.split(/\r?\n/)
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
