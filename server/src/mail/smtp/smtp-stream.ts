import type { Socket } from 'node:net'
import { isDestroyed, serverExtensions, type ServerExtensions, type SMTPConnection } from '../../vendor/nodemailer.ts'
import { readReplies } from './replies.ts'

/** The replies to the commands that were sent together. */
export interface CommandReplies {
  /** There are fewer than were asked for when the connection is over. */
  replies: string[]
  /** Why there are fewer; null otherwise. */
  problem: string | null
  /** True when the commands, and what was sent ahead with them, had left this process before the last of the replies came. */
  isWritten: boolean
}

/** A connection that is set up and signed in, as commands and the replies to them in their order. */
export interface SmtpStream {
  readonly extensions: ServerExtensions
  /** True once nothing can be sent over the connection any more. */
  readonly isClosed: boolean
  /** What the server said although no command was waiting for a reply; that closes the connection. */
  readonly unsolicitedReply: string | null
  /** Why the connection is closed. */
  readonly closeReason: string | null
  /**
   * Sends commands and waits for `count` replies, or for the end of the connection, or for the timeout, which closes the
   * connection. Never rejects. `ahead` is sent in the same write; `repliesToAhead` waits for the replies to it.
   */
  send(commands: string, count: number, milliseconds: number, ahead?: string): Promise<CommandReplies>
  /** Waits for the replies to what was sent ahead; the timeout begins when everything before it is answered. */
  repliesToAhead(count: number, milliseconds: number): Promise<CommandReplies>
  /** Closes the connection without another word. */
  close(reason?: string): void
}

/** A reply of more characters is taken for the flood of something that is not a mail server. */
const longestReply = 65_536

interface PendingCommands {
  missingReplies: number
  replies: string[]
  milliseconds: number
  /** The position of their last character among all that was sent over the connection. */
  end: number
  resolve: (replies: CommandReplies) => void
}

/**
 * Takes the conversation over from a connection that has signed in. nodemailer goes on to report the errors and the end of
 * its socket. `onClose` is called once, as soon as it is known that nothing can be sent any more.
 */
export function createSmtpStream(smtp: SMTPConnection, socket: Socket, onClose: () => void): SmtpStream {
  /** The commands that are answered next come first. */
  const pending: PendingCommands[] = []
  /** How many characters were sent; each is one byte. */
  let sent = 0
  let timer: NodeJS.Timeout | undefined
  let closeReason: string | null = null
  let unsolicitedReply: string | null = null

  function settle({ replies, end, resolve }: PendingCommands): void {
    resolve({ replies, problem: closeReason, isWritten: sent - socket.writableLength >= end })
  }

  function markClosed(reason: string): void {
    if (closeReason !== null) return
    closeReason = reason
    clearTimeout(timer)
    onClose()
    for (const commands of pending.splice(0)) settle(commands)
  }

  function close(reason = 'The connection was closed by Rollcall.'): void {
    markClosed(reason)
    smtp.close()
  }

  function awaitReplies(count: number, milliseconds: number): Promise<CommandReplies> {
    return new Promise((resolve) => {
      pending.push({ missingReplies: count, replies: [], milliseconds, end: sent, resolve })
      if (pending.length === 1) startTimeout()
    })
  }

  /** Starts the timeout of the commands that are answered next. */
  function startTimeout(): void {
    clearTimeout(timer)
    const milliseconds = pending[0]?.milliseconds
    if (milliseconds === undefined) return
    timer = setTimeout(
      () => close(`The mail server did not answer for ${milliseconds / 1000} s.`),
      milliseconds,
    ).unref()
  }

  function onReply(reply: string): void {
    if (closeReason !== null) return
    const [commands] = pending
    if (commands === undefined) {
      unsolicitedReply = reply
      return close(`The mail server said without being asked: ${reply}`)
    }
    commands.missingReplies -= 1
    commands.replies.push(reply)
    // RFC 5321 section 3.8: a server that answers 421 closes the connection and answers nothing more.
    if (/^421(?![0-9])/.test(reply)) return close('The mail server closed the connection.')
    if (commands.missingReplies > 0) return
    pending.shift()
    settle(commands)
    startTimeout()
  }

  function isClosed(): boolean {
    return closeReason !== null || isDestroyed(smtp)
  }

  function repliesOfClosed(): CommandReplies {
    return { replies: [], problem: closeReason ?? 'The connection was closed.', isWritten: false }
  }

  const reader = readReplies(onReply)
  socket.on('data', (chunk: Buffer) => {
    if (reader.take(chunk) > longestReply) close('The answer of the mail server has no end.')
  })
  smtp.on('error', (error) => markClosed(error.message))
  // An error says more than the end that follows it.
  smtp.on('end', () => setImmediate(() => markClosed('The connection to the mail server was closed.')))

  return {
    extensions: serverExtensions(smtp),
    get isClosed() {
      return isClosed()
    },
    get unsolicitedReply() {
      return unsolicitedReply
    },
    get closeReason() {
      return closeReason
    },
    send(commands, count, milliseconds, ahead = '') {
      if (isClosed()) return Promise.resolve(repliesOfClosed())
      sent += commands.length + ahead.length
      const replies = awaitReplies(count, milliseconds)
      socket.write(commands + ahead, 'latin1')
      return replies
    },
    repliesToAhead(count, milliseconds) {
      return isClosed() ? Promise.resolve(repliesOfClosed()) : awaitReplies(count, milliseconds)
    },
    close,
  }
}
