import type { Answer, SmtpStep } from './answers.ts'

const longestReply = 500

/** An answer that nobody gave: why there is none. */
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
  const [, code, enhanced] = /^(\d{3})(?:[ -](\d\.\d{1,3}\.\d{1,3})(?: |\r?\n|$))?/.exec(reply) ?? []
  return {
    code: code === undefined ? null : Number(code),
    enhanced: enhanced ?? null,
    text: shortened(onOneLine(reply)),
  }
}

/** Of several lines each has the code again. */
function onOneLine(reply: string): string {
  if (!reply.includes('\n')) return reply.replace(/^(\d{3})-/, '$1 ')
  const [first = '', ...others] = reply.split(/\r?\n/)
  const words = others.map((line) => line.replace(/^\d{3}[ -](\d\.\d{1,3}\.\d{1,3} )?/, ''))
  return [first.replace(/^(\d{3})-/, '$1 '), ...words].join(' ')
}

function shortened(text: string): string {
  // Most have nothing to replace.
  const words = /^[ -~]*$/.test(text) ? text : text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
  return words.trim().slice(0, longestReply)
}

/**
 * Makes replies of what arrives, however it is cut: their lines without the line end, and joined by `\n` where there are
 * several. Empty lines between replies count as nothing. `take` gives how many characters wait for the rest of a reply.
 */
export function readReplies(hear: (reply: string) => void): { take(chunk: Buffer): number } {
  let begun = ''
  let line = ''
  return {
    take(chunk) {
      line += chunk.toString('latin1')
      let from = 0
      for (let end = line.indexOf('\n'); end >= 0; end = line.indexOf('\n', from)) {
        const whole = line.slice(from, line[end - 1] === '\r' ? end - 1 : end)
        from = end + 1
        if (/^\d{3}-/.test(whole)) begun += `${whole}\n`
        else if (begun !== '' || whole.trim() !== '') {
          const reply = begun + whole
          begun = ''
          hear(decoded(reply))
        }
      }
      line = line.slice(from)
      return begun.length + line.length
    },
  }
}

/** Servers answer in UTF-8 now and then (RFC 6531 section 3.7.4). */
function decoded(reply: string): string {
  return /[\u0080-\u00FF]/.test(reply) ? Buffer.from(reply, 'latin1').toString('utf8') : reply
}
