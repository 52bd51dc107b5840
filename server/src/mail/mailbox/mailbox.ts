import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { decodeWords } from 'postal-mime'
import type { FastifyBaseLogger } from 'fastify'
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server'
import type { Database } from '../../db/database.ts'
import { storeMails, type ArrivedMail } from './mailbox.queries.ts'

const largestMail = 25 * 1024 * 1024
/** Mails that one statement stores. */
const largestBatch = 500
/** So long a mail waits for a database that is away before the sender is told to come back later. */
const patience = 60_000
const retryEvery = 500

export interface Mailbox {
  /** For `parseSmtpUrl`. */
  url: string
  close(): Promise<void>
}

type AnswerToMail = (error: Error | null, message?: string) => void

/**
 * A mail server of Rollcall's own on 127.0.0.1, for where no other is set up: what it takes, reaches nobody and can be
 * read in Rollcall. It answers 250 only after the mail is stored.
 */
export async function startMailbox(options: { database: Database; logger: FastifyBaseLogger }): Promise<Mailbox> {
  const { logger } = options
  const closing = new AbortController()
  const store = batched((mails: ArrivedMail[]) => storeWithPatience(options.database, mails, closing.signal))

  async function take(stream: SMTPServerDataStream, session: SMTPServerSession, answer: AnswerToMail): Promise<void> {
    let raw: Buffer | null
    try {
      raw = await readWhole(stream)
    } catch (error) {
      // A client that goes away in the middle is the client's matter.
      logger.debug({ reason: String(error) }, 'a mail did not reach the built-in mailbox whole')
      return answer(Object.assign(new Error('4.4.2 The mail did not arrive whole'), { responseCode: 451 }))
    }
    try {
      if (raw !== null) await store(arrivedMail(raw, session))
    } catch (error) {
      logger.error({ err: error }, 'the built-in mailbox could not store a mail')
      return answer(Object.assign(new Error('4.3.0 The mailbox cannot store mails right now'), { responseCode: 451 }))
    }
    answer(null, 'stored in the built-in mailbox')
  }

  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    banner: 'Rollcall mailbox',
    logger: false,
    size: largestMail,
    rejectOversized: true,
    closeTimeout: 1000,
    onData(stream, session, answer) {
      void take(stream, session, answer)
    },
  })
  server.on('error', (error) => logger.debug({ reason: error.message }, 'built-in mailbox'))
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.server.address() as AddressInfo
  return {
    url: `smtp://127.0.0.1:${port}`,
    close: () => {
      closing.abort()
      return new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Null for a mail that is too large: the server refuses it by itself. */
async function readWhole(stream: SMTPServerDataStream): Promise<Buffer | null> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) if (!stream.sizeExceeded) chunks.push(chunk as Buffer)
  return stream.sizeExceeded ? null : Buffer.concat(chunks)
}

function arrivedMail(raw: Buffer, session: SMTPServerSession): ArrivedMail {
  const header = headerOf(raw)
  return {
    arrival: randomUUID(),
    recipient: storable(session.envelope.rcptTo.map((each) => each.address).join(', ')),
    sender: storable(session.envelope.mailFrom === false ? '' : session.envelope.mailFrom.address),
    subject: storable(decodeWords(header('subject'))),
    messageId: storable(header('message-id')),
    raw,
  }
}

/** Reads single headers of a mail without taking the rest of it apart. */
function headerOf(raw: Buffer): (name: string) => string {
  const end = raw.indexOf('\r\n\r\n')
  const head = raw.toString('utf8', 0, Math.min(end < 0 ? raw.length : end, 65_536))
  const lines = head.replaceAll(/\r\n[ \t]+/g, ' ').split('\r\n')
  return (name) => {
    const line = lines.find((each) => each.toLowerCase().startsWith(`${name}:`))
    return line === undefined ? '' : line.slice(name.length + 1).trim()
  }
}

/** PostgreSQL has no text with a NUL or half a surrogate pair. */
function storable(text: string): string {
  return text.toWellFormed().replaceAll(/\p{Cc}+/gu, ' ')
}

/** A mail may be stored although the answer of the database was lost; its arrival then keeps it from being stored twice. */
async function storeWithPatience(database: Database, mails: ArrivedMail[], signal: AbortSignal): Promise<void> {
  const end = performance.now() + patience
  for (;;) {
    try {
      return await storeMails(database, mails)
    } catch (error) {
      if (performance.now() + retryEvery > end) throw error
      await wait(retryEvery, undefined, { signal })
    }
  }
}

/** Collects what comes while the last batch is being stored into the next one: one commit for many mails. */
function batched<Value>(store: (values: Value[]) => Promise<void>): (value: Value) => Promise<void> {
  const waiting: { value: Value; done: PromiseWithResolvers<void> }[] = []
  let running = false

  async function run(): Promise<void> {
    running = true
    while (waiting.length > 0) {
      const batch = waiting.splice(0, largestBatch)
      try {
        await store(batch.map((entry) => entry.value))
        for (const entry of batch) entry.done.resolve()
      } catch (error) {
        for (const entry of batch) entry.done.reject(error)
      }
    }
    running = false
  }

  return (value) => {
    const done = Promise.withResolvers<void>()
    waiting.push({ value, done })
    if (!running) void run()
    return done.promise
  }
}
