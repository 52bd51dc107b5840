import type { Socket } from 'node:net'
import type SMTPConnection from 'nodemailer/lib/smtp-connection'
import { readReplies } from './replies.ts'

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
  /** True when all of the question, and what was said ahead with it, had left this process before the last of the replies came. */
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
  /**
   * Says something and waits for so many replies, or for the end of the connection or of the time. Never rejects. `ahead` is
   * said in the same breath; what is answered to it is heard by `hearAhead`.
   */
  ask(said: string, replies: number, milliseconds: number, ahead?: string): Promise<Heard>
  /** Waits for so many replies to what was said ahead; the time begins when everything before it is answered. */
  hearAhead(replies: number, milliseconds: number): Promise<Heard>
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
  /** The last character of what was written for it, counted from the first that the wire said. */
  end: number
  settle: (heard: Heard) => void
}

/**
 * Takes over from a connection that has signed in: from here on its replies come here, while it goes on to watch over the
 * end, the errors and the closing of its socket.
 */
export function takeWire(smtp: SMTPConnection, socket: Socket): Wire {
  /** The one that is being answered first. */
  const questions: Question[] = []
  /** How many characters were said; one is one byte. */
  let said = 0
  /** Stays from question to question: setting and clearing one for each was 3 % of what a mail costs. */
  let timer: NodeJS.Timeout | null = null
  let due = Number.POSITIVE_INFINITY
  let problem: string | null = null
  let unasked: string | null = null

  function answer({ replies, end, settle }: Question): void {
    settle({ replies, problem, isWritten: said - socket.writableLength >= end })
  }

  function lose(why: string): void {
    problem ??= why
    if (timer !== null) clearTimeout(timer)
    for (const question of questions.splice(0)) answer(question)
  }

  function add(question: Omit<Question, 'replies' | 'until'>): void {
    questions.push({ ...question, replies: [], until: 0 })
    if (questions.length === 1) watch()
  }

  /** Gives the first question its time, and looks when that is over, unless it looks before anyway. */
  function watch(): void {
    const [question] = questions
    if (question === undefined) return
    const now = performance.now()
    question.until = now + question.milliseconds
    if (question.until < due) lookAt(question.until, now)
  }

  function lookAt(time: number, now: number): void {
    if (timer !== null) clearTimeout(timer)
    due = time
    timer = setTimeout(look, Math.max(1, time - now)).unref()
  }

  function look(): void {
    timer = null
    due = Number.POSITIVE_INFINITY
    const [question] = questions
    if (question === undefined) return
    const now = performance.now()
    if (question.until > now) return lookAt(question.until, now)
    cut(`The mail server did not answer for ${question.milliseconds / 1000} s.`)
  }

  function cut(why = 'The connection was closed by Rollcall.'): void {
    lose(why)
    smtp.close()
  }

  function hear(reply: string): void {
    if (problem !== null) return
    const [question] = questions
    if (question === undefined) {
      unasked = reply
      return cut(`The mail server said without being asked: ${reply}`)
    }
    question.left -= 1
    question.replies.push(reply)
    // RFC 5321 section 3.8: whatever it answers with 421, it closes the connection and answers nothing more.
    if (/^421(?![0-9])/.test(reply)) return cut('The mail server closed the connection.')
    if (question.left > 0) return
    questions.shift()
    answer(question)
    watch()
  }

  function isDead(): boolean {
    return problem !== null || smtp.destroyed
  }

  function nothingHeard(): Heard {
    return { replies: [], problem: problem ?? 'The connection was closed.', isWritten: false }
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
      return isDead()
    },
    get unasked() {
      return unasked
    },
    get problem() {
      return problem
    },
    ask(text, replies, milliseconds, ahead = '') {
      return new Promise((settle) => {
        if (isDead()) return settle(nothingHeard())
        said += text.length + ahead.length
        add({ left: replies, milliseconds, end: said, settle })
        socket.write(text + ahead, 'latin1')
      })
    },
    hearAhead(replies, milliseconds) {
      return new Promise((settle) => {
        if (isDead()) settle(nothingHeard())
        else add({ left: replies, milliseconds, end: said, settle })
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
