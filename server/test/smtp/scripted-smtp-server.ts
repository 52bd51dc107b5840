import net from 'node:net'
import type { AddressInfo } from 'node:net'
import { readClientInput } from './client-input.ts'

/**
 * What the script is asked about: a command of the client, or one of three points at which a server can misbehave without a
 * command: before its greeting (`GREETING`), when the first bytes of a mail arrive (`BODY`), and at the mail's final dot (`DOT`).
 */
export type SmtpCommand =
  | 'GREETING'
  | 'EHLO'
  | 'STARTTLS'
  | 'AUTH'
  | 'MAIL'
  | 'RCPT'
  | 'DATA'
  | 'BODY'
  | 'DOT'
  | 'RSET'
  | 'QUIT'

interface SmtpContext {
  /** The line that the client sent; empty for GREETING, BODY and DOT. */
  line: string
  /** Which connection this is, counted from 1. */
  connection: number
  /** Which mail of the server's this is (MAIL commands), counted from 1. */
  mail: number
  from: string
  to: string[]
  /** Gives what has arrived after this command by now. */
  unread: () => string
}

/**
 * A reply of the script. A text is a line with its code; `raw` is sent as it is; `drop` ends the connection, after `raw` if there
 * is one; the reply waits for `after`.
 */
export type SmtpReply =
  | string
  | { raw?: string; drop: 'fin' | 'rst' }
  | { raw: string }
  | { silence: true }
  | { delay: number; reply?: SmtpReply }
  | { after: Promise<unknown>; reply?: SmtpReply }

/** Gives the reply to a command; undefined stands for what an ordinary server would reply. */
export type SmtpScript = (command: SmtpCommand, context: SmtpContext) => SmtpReply | undefined

export interface ReceivedMail {
  from: string
  to: string[]
  /** The content without the final dot and without the dots that the client added. */
  raw: Buffer
  connection: number
}

export interface ScriptedSmtpServer {
  readonly port: number
  readonly url: string
  /** Every mail that the server has accepted: its dot came, and the server did not answer 4xx or 5xx. */
  readonly mails: ReceivedMail[]
  /** Every command of every connection, in the order of arrival. */
  readonly commands: string[]
  readonly openConnections: number
  readonly totalConnections: number
  readonly mostConnections: number
  script: SmtpScript
  maximumConnections: number
  /** Sends a line over every open connection, also where no command waits for a reply. */
  say(line: string): void
  /** Cuts every connection and stops listening. */
  stop(): Promise<void>
  /** Listens again on the same port. */
  start(): Promise<void>
}

interface SmtpServerOptions {
  script?: SmtpScript
  pipelining?: boolean
  /** A connection beyond so many is greeted with 421. */
  maximumConnections?: number
  /** Lines of the answer to EHLO, such as `AUTH PLAIN`. */
  extensions?: string[]
}

/** Starts a mail server that does what its script says, on 127.0.0.1 and a port of its own. */
export async function startScriptedSmtpServer(options: SmtpServerOptions = {}): Promise<ScriptedSmtpServer> {
  const mails: ReceivedMail[] = []
  const commands: string[] = []
  const sockets = new Set<net.Socket>()
  const extensions = [...(options.pipelining === false ? [] : ['PIPELINING']), ...(options.extensions ?? [])]
  let total = 0
  let most = 0
  let begun = 0
  let port = 0
  let listener: net.Server | null = null

  const server: ScriptedSmtpServer = {
    get port() {
      return port
    },
    get url() {
      return `smtp://127.0.0.1:${port}`
    },
    mails,
    commands,
    get openConnections() {
      return sockets.size
    },
    get totalConnections() {
      return total
    },
    get mostConnections() {
      return most
    },
    script: options.script ?? (() => undefined),
    maximumConnections: options.maximumConnections ?? Number.POSITIVE_INFINITY,
    say(line) {
      for (const socket of sockets) socket.write(`${line}\r\n`)
    },
    async start() {
      const listening = net.createServer({ noDelay: true }, (socket) => {
        total += 1
        sockets.add(socket)
        socket.on('close', () => sockets.delete(socket))
        const tooMany = sockets.size > server.maximumConnections
        if (!tooMany) most = Math.max(most, sockets.size)
        void converse(socket, { server, extensions, tooMany, connection: total, nextMail: () => (begun += 1) })
      })
      listener = listening
      await new Promise<void>((resolve, reject) => {
        listening.once('error', reject)
        listening.listen(port, '127.0.0.1', resolve)
      })
      port = (listening.address() as AddressInfo).port
    },
    async stop() {
      const listening = listener
      if (listening === null) return
      listener = null
      const closed = new Promise((resolve) => listening.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
  await server.start()
  return server
}

interface Conversation {
  server: ScriptedSmtpServer
  extensions: string[]
  tooMany: boolean
  connection: number
  nextMail: () => number
}

const ordinaryReplies: Record<SmtpCommand, string> = {
  GREETING: '220 test ESMTP',
  EHLO: '250 test',
  STARTTLS: '454 4.7.0 TLS not available',
  AUTH: '235 2.7.0 welcome',
  MAIL: '250 2.1.0 ok',
  RCPT: '250 2.1.5 ok',
  DATA: '354 go ahead',
  BODY: '',
  DOT: '250 2.0.0 ok: queued',
  RSET: '250 2.0.0 ok',
  QUIT: '221 2.0.0 bye',
}

async function converse(socket: net.Socket, conversation: Conversation): Promise<void> {
  const { server, connection } = conversation
  const input = readClientInput(socket)
  const context: SmtpContext = { line: '', connection, mail: 0, from: '', to: [], unread: () => input.unread() }

  /** Resolves to the reply that was given, or to null when the conversation is over. */
  async function answer(command: SmtpCommand, otherwise = ordinaryReplies[command]): Promise<string | null> {
    const reply = server.script(command, { ...context, to: [...context.to] }) ?? otherwise
    return perform(socket, reply, otherwise)
  }

  const greeting = conversation.tooMany ? '421 4.7.0 too many connections' : undefined
  if (greeting !== undefined) return void socket.end(`${greeting}\r\n`)
  if ((await answer('GREETING')) === null) return

  for (let line = await input.line(); line !== null; line = await input.line()) {
    server.commands.push(line)
    context.line = line
    const command = commandOf(line)
    if (command === null) {
      socket.write('500 5.5.2 unknown command\r\n')
      continue
    }
    if (command === 'MAIL') Object.assign(context, { mail: conversation.nextMail(), from: pathOf(line), to: [] })
    const given = await answer(command, ordinaryReply(command, conversation, context))
    if (given === null) return
    if (command === 'MAIL' && !given.startsWith('2')) context.from = ''
    if (command === 'RCPT' && given.startsWith('2')) context.to.push(pathOf(line))
    if (command === 'QUIT') return void socket.end()
    if (command === 'DATA' && given.startsWith('3')) {
      const body = await input.body(() => answer('BODY'))
      if (body === null) return
      const mail: ReceivedMail = { from: context.from, to: [...context.to], raw: body, connection }
      const isTaken = (reply: string): boolean => !/^[45]/.test(reply)
      // The mail is accepted before the answer is sent, so that an answer that never arrives does not undo it.
      const reply = server.script('DOT', { ...context, line: '', to: [...context.to] }) ?? ordinaryReplies.DOT
      if (context.to.length > 0 && isTaken(firstWords(reply))) server.mails.push(mail)
      context.to = []
      if ((await perform(socket, reply, ordinaryReplies.DOT)) === null) return
    }
  }
}

/** Returns the text that a reply begins with, which decides whether the mail is accepted; a server that is silent or drops the connection after the dot has the mail. */
function firstWords(reply: SmtpReply): string {
  if (typeof reply === 'string') return reply
  if ('delay' in reply || 'after' in reply) return firstWords(reply.reply ?? '250')
  return 'raw' in reply ? (reply.raw ?? '') : ''
}

function ordinaryReply(command: SmtpCommand, { extensions }: Conversation, context: SmtpContext): string {
  if (command === 'EHLO') return ['250-test', ...extensions.map((each) => `250-${each}`), '250 8BITMIME'].join('\r\n')
  if (command === 'RCPT' && context.from === '') return '503 5.5.1 MAIL first'
  if (command === 'DATA' && context.to.length === 0) return '503 5.5.1 RCPT first'
  return ordinaryReplies[command]
}

function commandOf(line: string): SmtpCommand | null {
  const word = line.split(' ', 1)[0]?.toUpperCase() ?? ''
  if (word === 'HELO') return 'EHLO'
  const commands = ['EHLO', 'STARTTLS', 'AUTH', 'MAIL', 'RCPT', 'DATA', 'RSET', 'QUIT'] as const
  return commands.find((command) => command === word) ?? null
}

function pathOf(line: string): string {
  return /<(.*)>/.exec(line)?.[1] ?? ''
}

/** Sends a reply, and resolves to it; to null when the connection is over, or when nothing more will be said. */
async function perform(socket: net.Socket, reply: SmtpReply, otherwise: string): Promise<string | null> {
  if (typeof reply === 'string') {
    if (reply !== '') socket.write(`${reply}\r\n`)
    return reply
  }
  if ('silence' in reply) return null
  if ('delay' in reply || 'after' in reply) {
    await ('after' in reply ? reply.after : new Promise((resolve) => setTimeout(resolve, reply.delay)))
    return perform(socket, reply.reply ?? otherwise, otherwise)
  }
  if (reply.raw !== undefined) socket.write(reply.raw)
  if (!('drop' in reply)) return null
  if (reply.drop === 'fin') socket.end()
  else socket.resetAndDestroy()
  return null
}
