import type { Socket } from 'node:net'
import type SMTPConnection from 'nodemailer/lib/smtp-connection'
import { readReplies } from './smtp-replies.ts'

/** What a server announced in its answer to EHLO, as far as it matters for a mail. */
export interface Offers {
  /** RFC 2920: several commands may go out before the first is answered. */
  pipelining: boolean
  /** RFC 1870: it wants to know how large a mail is. */
  size: boolean
  /** The most bytes that it takes; null where it did not say. */
  largest: number | null
}

/** What a server answered to a question of so many replies. */
export interface Heard {
  /** Fewer than asked for: the connection is over. */
  replies: string[]
  /** Why there are fewer; null otherwise. */
  problem: string | null
  /** True when everything that was given to the wire before the last of the replies had left this process. */
  isWritten: boolean
}

/** A connection that is open and signed in, as questions and the replies to them in their order. */
export interface Wire {
  readonly offers: Offers
  /** True once nothing can be said over it any more. */
  readonly dead: boolean
  /** What the server said although nothing was asked; that ends the connection. */
  readonly unasked: string | null
  /** Why it is dead. */
  readonly problem: string | null
  /** Says something and waits for so many replies, or for the end of the connection or of the time. Never rejects. */
  ask(said: string, replies: number, milliseconds: number): Promise<Heard>
  /** Cuts the connection. */
  cut(problem?: string): void
}

/** Beyond so many characters a reply is no answer. */
const longestReply = 65_536

interface Question {
  left: number
  replies: string[]
  /** How long an answer may take, and the end of that on the clock of `performance.now`. */
  milliseconds: number
  until: number
  settle: (heard: Heard) => void
}

/**
 * Takes over from a connection that has signed in: from here on its replies come here, while it goes on to watch over the
 * end, the errors and the closing of its socket.
 */
export function takeWire(smtp: SMTPConnection, socket: Socket): Wire {
  let question: Question | null = null
  /** Stays from question to question: setting and clearing one for each was 3 % of what a mail costs. */
  let timer: NodeJS.Timeout | null = null
  let due = Number.POSITIVE_INFINITY
  let problem: string | null = null
  let unasked: string | null = null

  function answer(): void {
    if (question === null) return
    const { replies, settle } = question
    question = null
    settle({ replies, problem, isWritten: socket.writableLength === 0 })
  }

  function lose(why: string): void {
    problem ??= why
    if (timer !== null) clearTimeout(timer)
    answer()
  }

  /** Looks again when the question's time is over, unless it looks before anyway. */
  function watch({ until }: Question): void {
    if (until >= due) return
    if (timer !== null) clearTimeout(timer)
    due = until
    timer = setTimeout(look, Math.max(1, until - performance.now())).unref()
  }

  function look(): void {
    timer = null
    due = Number.POSITIVE_INFINITY
    if (question === null) return
    if (question.until > performance.now()) return watch(question)
    cut(`The mail server did not answer for ${question.milliseconds / 1000} s.`)
  }

  function cut(why = 'The connection was closed by Rollcall.'): void {
    lose(why)
    smtp.close()
  }

  function hear(reply: string): void {
    if (problem !== null) return
    if (question === null) {
      unasked = reply
      return cut(`The mail server said without being asked: ${reply}`)
    }
    question.left -= 1
    question.replies.push(reply)
    // RFC 5321 section 3.8: whatever it answers with 421, it closes the connection and answers nothing more.
    if (/^421(?![0-9])/.test(reply)) return cut('The mail server closed the connection.')
    if (question.left === 0) answer()
  }

  socket.removeAllListeners('data')
  const reader = readReplies(hear)
  socket.on('data', (chunk: Buffer) => {
    if (reader.take(chunk) > longestReply) cut('The answer of the mail server has no end.')
  })
  smtp.on('error', (error) => lose(error.message))
  // After the error, which says more.
  smtp.on('end', () => setImmediate(() => lose('The connection to the mail server was closed.')))

  return {
    offers: offersOf(smtp),
    get dead() {
      return problem !== null || smtp.destroyed
    },
    get unasked() {
      return unasked
    },
    get problem() {
      return problem
    },
    ask(said, replies, milliseconds) {
      return new Promise((settle) => {
        if (problem !== null || smtp.destroyed) {
          return settle({ replies: [], problem: problem ?? 'The connection was closed.', isWritten: false })
        }
        question = { left: replies, replies: [], milliseconds, until: performance.now() + milliseconds, settle }
        watch(question)
        socket.write(said, 'latin1')
      })
    },
    cut,
  }
}

/** What nodemailer heard and keeps for itself; where it cannot be found, nothing is taken for offered. */
function offersOf(smtp: SMTPConnection): Offers {
  const { _supportedExtensions: names = [], _maxAllowedSize: largest = 0 } = smtp as {
    _supportedExtensions?: string[]
    _maxAllowedSize?: number
  }
  return {
    pipelining: names.includes('PIPELINING'),
    size: names.includes('SIZE'),
    largest: largest > 0 ? largest : null,
  }
}
