import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { decodeWords } from 'postal-mime'
import type { FastifyBaseLogger } from 'fastify'
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server'
import type { Database } from '../../db/database.ts'
import { createBatcher } from '../../util/batcher.ts'
import { storeMails, type ArrivedMail } from './mailbox.queries.ts'

const largestMail = 25 * 1024 * 1024
/** The most mails that one statement stores. */
const largestBatch = 500
/** How many milliseconds a mail waits for a database that is away before its sender is told to try again later. */
const storeTimeout = 60_000
const retryInterval = 500

export interface Mailbox {
  /** The address at which it listens, as a value of SMTP_URL. */
  url: string
  close(): Promise<void>
}

type DataCallback = (error: Error | null, message?: string) => void

/**
 * Starts a mail server of Rollcall's own on 127.0.0.1, which is used where no other is set up. The mails that it accepts reach
 * nobody and can be read in Rollcall. It answers 250 only after the mail is stored.
 */
export async function startMailbox(options: { database: Database; logger: FastifyBaseLogger }): Promise<Mailbox> {
  const { logger } = options
  const closing = new AbortController()
  // Mails that arrive while others are being stored share the next statement, and so one commit.
  const store = createBatcher<ArrivedMail, void>({
    largestBatch,
    async run(entries) {
      const mails = entries.map((entry) => entry.value)
      await storeOrRetry(options.database, mails, closing.signal)
      for (const entry of entries) entry.resolve()
    },
  })

  async function take(stream: SMTPServerDataStream, session: SMTPServerSession, callback: DataCallback): Promise<void> {
    let raw: Buffer | null
    try {
      raw = await readWhole(stream)
    } catch (error) {
      // A client that goes away in the middle of a mail is no error of the mailbox.
      logger.debug({ reason: String(error) }, 'a mail did not reach the built-in mailbox whole')
      return callback(Object.assign(new Error('4.4.2 The mail did not arrive whole'), { responseCode: 451 }))
    }
    try {
      if (raw !== null) await store.add(arrivedMail(raw, session))
    } catch (error) {
      logger.error({ err: error }, 'the built-in mailbox could not store a mail')
      return callback(Object.assign(new Error('4.3.0 The mailbox cannot store mails right now'), { responseCode: 451 }))
    }
    callback(null, 'stored in the built-in mailbox')
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
    onData(stream, session, callback) {
      void take(stream, session, callback)
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

/** Resolves to null for a mail that is too large, which the server refuses by itself. */
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

/** Replaces control characters and halves of surrogate pairs, because PostgreSQL stores no text with a NUL or half a pair. */
function storable(text: string): string {
  return text.toWellFormed().replaceAll(/\p{Cc}+/gu, ' ')
}

/** Stores mails, again and again while the database is away. A mail that was stored although the answer was lost is not stored twice, because it keeps its `arrival`. */
async function storeOrRetry(database: Database, mails: ArrivedMail[], signal: AbortSignal): Promise<void> {
  const end = performance.now() + storeTimeout
  for (;;) {
    try {
      return await storeMails(database, mails)
    } catch (error) {
      if (performance.now() + retryInterval > end) throw error
      await wait(retryInterval, undefined, { signal })
    }
  }
}
