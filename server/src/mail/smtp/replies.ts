import type { SmtpAnswer, SmtpStep } from './answers.ts'

const longestReply = 500

/** Builds the answer of a server that said nothing; `error` and `text` tell why. */
export function noAnswer(command: SmtpStep, error: NonNullable<SmtpAnswer['error']>, text: string): SmtpAnswer {
  return { gatePassed: false, command, code: null, enhanced: null, text: shortened(text), error }
}

/** Builds an answer from a whole reply; a reply without a code is not SMTP. */
export function answerOf(reply: string, at: { command: SmtpStep; gatePassed: boolean }): SmtpAnswer {
  const { code, enhanced, text } = replyOf(reply)
  if (code === null) return { ...noAnswer(at.command, 'protocol', text), gatePassed: at.gatePassed }
  return { ...at, code, enhanced, text, error: null }
}

/** Code, enhanced code and the server's words on one line (RFC 5321 section 4.2, RFC 3463). */
function replyOf(reply: string): Pick<SmtpAnswer, 'code' | 'enhanced' | 'text'> {
  const [, code, enhanced] = /^(\d{3})(?:[ -](\d\.\d{1,3}\.\d{1,3})(?: |\r?\n|$))?/.exec(reply) ?? []
  return {
    code: code === undefined ? null : Number(code),
    enhanced: enhanced ?? null,
    text: shortened(onOneLine(reply)),
  }
}

/** Joins the lines of a reply, each of which repeats the code. */
function onOneLine(reply: string): string {
  if (!reply.includes('\n')) return reply.replace(/^(\d{3})-/, '$1 ')
  const [first = '', ...others] = reply.split(/\r?\n/)
  const words = others.map((line) => line.replace(/^\d{3}[ -](\d\.\d{1,3}\.\d{1,3} )?/, ''))
  return [first.replace(/^(\d{3})-/, '$1 '), ...words].join(' ')
}

function shortened(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim()
    .slice(0, longestReply)
}

/**
 * Puts replies together from what arrives, however the network cuts it. A reply is given to `onReply` as its lines without
 * line ends, joined by `\n`; empty lines between replies are ignored. `take` returns how many characters wait for the rest of
 * their reply.
 */
export function readReplies(onReply: (reply: string) => void): { take(chunk: Buffer): number } {
  let firstLines = ''
  let line = ''
  return {
    take(chunk) {
      line += chunk.toString('latin1')
      let from = 0
      for (let end = line.indexOf('\n'); end >= 0; end = line.indexOf('\n', from)) {
        const whole = line.slice(from, line[end - 1] === '\r' ? end - 1 : end)
        from = end + 1
        if (/^\d{3}-/.test(whole)) firstLines += `${whole}\n`
        else if (firstLines !== '' || whole.trim() !== '') {
          const reply = firstLines + whole
          firstLines = ''
          onReply(decoded(reply))
        }
      }
      line = line.slice(from)
      return firstLines.length + line.length
    },
  }
}

/** Reads a reply as UTF-8 where it is not ASCII: servers use it now and then (RFC 6531 section 3.7.4). */
function decoded(reply: string): string {
  return /[\u0080-\u00FF]/.test(reply) ? Buffer.from(reply, 'latin1').toString('utf8') : reply
}
