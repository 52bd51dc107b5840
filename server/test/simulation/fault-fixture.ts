import { Client } from 'pg'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import type { Item, Progress, SessionEvent, SessionOptions } from '@rollcall/shared'
import { allItems } from '../../src/activation/history/item-list.usecases.ts'
import { activeProgress } from '../../src/activation/history/progress.usecases.ts'
import { sessionDetail } from '../../src/activation/history/session-detail.usecases.ts'
import { runCommand } from '../../src/activation/commands/commands.usecases.ts'
import { parseSmtpUrl } from '../../src/mail/smtp/settings.ts'
import { createSmtpSender } from '../../src/mail/smtp/sender.ts'
import type { SmtpTimeouts } from '../../src/mail/smtp/types.ts'
import { startWorker, type Worker } from '../../src/worker.ts'
import { actor, createActivation, until, type Activation } from '../app/activation.ts'
import { createTestDatabase, type TestDatabase } from '../database/database.ts'
import { expectInvariants, makeRetriesDue } from './invariants.ts'
import {
  startScriptedSmtpServer,
  type SmtpCommand,
  type SmtpReply,
  type SmtpScript,
  type ScriptedSmtpServer,
} from '../smtp/scripted-smtp-server.ts'

interface RunOptions {
  leads?: number
  /** The mail server that the worker sends to; by default that of `plain()`. */
  url?: string
  timeouts?: Partial<SmtpTimeouts>
  session?: SessionOptions
}

/** A database for all tests of a file, and for each test a mail server and a worker that starts with the session. */
export interface FaultFixture {
  readonly test: TestDatabase
  readonly activation: Activation
  readonly smtp: ScriptedSmtpServer
  /** Returns the URL of the mail server, with so many connections. */
  plain(connections?: number): string
  /** Returns the URL of the mail server with a sign-in. */
  signedIn(): string
  /** Opens a connection of its own to the database, which is closed after the test. */
  connect(): Promise<Client>
  /** Starts the worker, which is stopped after the test. */
  work(url: string, timeouts?: Partial<SmtpTimeouts>): Promise<void>
  /** Starts a session of new leads, and a worker, while the mail server does what the script says; returns the session's id. */
  run(script: SmtpScript, options?: RunOptions): Promise<string>
  items(sessionId: string): Promise<Item[]>
  events(sessionId: string): Promise<SessionEvent[]>
  untilCompleted(sessionId: string): Promise<Progress>
  untilHeld(sessionId: string): Promise<Progress>
  /** Waits until so many mails wait for a next try and all the others are sent; returns the items. */
  untilWaiting(sessionId: string, waiting: number): Promise<Item[]>
  /** Waits until the session is completed, and makes every mail that waits for its next try due at once. */
  untilCompletedWithRetriesDue(sessionId: string): Promise<Progress>
  /** Waits until the session is completed, and expects that everybody has exactly one mail, sent at the first try. */
  expectAllSentAtFirstTry(sessionId: string): Promise<void>
}

const logger = pino({ level: 'silent' })

/** Sets the fixture up for the tests of a file. */
export function useFaultFixture(): FaultFixture {
  let test: TestDatabase
  let activation: Activation
  let smtp: ScriptedSmtpServer
  let worker: Worker | null
  const clients: Client[] = []

  beforeAll(async () => {
    test = await createTestDatabase()
    activation = await createActivation(test)
  })
  afterAll(async () => {
    await activation.close()
    await test.close()
  })
  beforeEach(async () => {
    smtp = await startScriptedSmtpServer({ extensions: ['AUTH PLAIN'] })
    worker = null
  })
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.end()
    await worker?.stop()
    await smtp.stop()
    // A session that a test leaves unfinished would send mails in the next test.
    for (const { sessionId } of await activeProgress(test.database))
      await runCommand(activation.deps, 'cancel', sessionId, actor)
    await test.pool.query('DELETE FROM mail_server_holds')
  })

  async function work(url: string, timeouts: Partial<SmtpTimeouts> = {}): Promise<void> {
    const parsed = parseSmtpUrl(url)
    if (!parsed.ok) throw new Error(parsed.problem)
    worker = await startWorker({
      databaseUrl: test.url,
      deps: activation.deps,
      boss: activation.boss,
      sender: createSmtpSender({ settings: parsed.settings, logger, timeouts }),
      mailServer: `${parsed.settings.host}:${parsed.settings.port}`,
      secret: 'x'.repeat(32),
      logger,
      // A next try is never due before the test has seen who waits for it.
      random: () => 0.5,
    })
  }

  const fixture: FaultFixture = {
    get test() {
      return test
    },
    get activation() {
      return activation
    },
    get smtp() {
      return smtp
    },
    plain: (connections = 2) => `${smtp.url}?connections=${connections}&ignoreTLS=true`,
    signedIn: () => fixture.plain().replace('//', '//ada:secret@'),
    async connect() {
      const client = new Client({ connectionString: test.url })
      await client.connect()
      clients.push(client)
      return client
    },
    work,
    async run(script, options = {}) {
      smtp.script = script
      const ids = await activation.addLeads(options.leads ?? 4)
      const { sessionId } = await activation.start({ ids }, options.session)
      await work(options.url ?? fixture.plain(), options.timeouts)
      return sessionId
    },
    items: (sessionId) => Array.fromAsync(allItems(test.database, sessionId, {})),
    events: async (sessionId) => (await sessionDetail(test.database, sessionId)).events,
    untilCompleted: (sessionId) => activation.until(sessionId, ({ completed }) => completed),
    untilHeld: (sessionId) => activation.until(sessionId, ({ status }) => status === 'held'),
    untilWaiting: (sessionId, waiting) =>
      until(
        () => fixture.items(sessionId),
        (all) => all.filter(isWaiting).length === waiting && all.filter(isSent).length === all.length - waiting,
      ),
    untilCompletedWithRetriesDue: (sessionId) =>
      until(
        async () => {
          // The job of a chunk that is released at this moment may still have the later time, so this is done again and again.
          await makeRetriesDue(test)
          return activation.progress(sessionId)
        },
        ({ completed }) => completed,
      ),
    async expectAllSentAtFirstTry(sessionId) {
      const done = await fixture.untilCompleted(sessionId)
      expect(done.mails).toMatchObject({ sent: done.total, failed: 0, unconfirmed: 0 })
      const all = await expectInvariants(test, sessionId, smtp.mails)
      expect(all.map(({ mail }) => mail.tries)).toEqual(all.map(() => 1))
      expect(smtp.mails).toHaveLength(done.total)
    },
  }
  return fixture
}

function isWaiting({ mail }: Item): boolean {
  return mail.state === 'pending' && mail.nextTryAt !== null
}

function isSent({ mail }: Item): boolean {
  return mail.state === 'sent'
}

/** Returns a script by which the server answers one command so, the first time or every time, and all others as usual. */
export function at(command: SmtpCommand, reply: SmtpReply, how: 'once' | 'always' = 'once'): SmtpScript {
  let times = 0
  return (now) => (now === command && (how === 'always' || times++ === 0) ? reply : undefined)
}
