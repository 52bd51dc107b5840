import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Client } from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { until, workerSecret } from '../../../test/app/activation.ts'
import { useFaultFixture } from '../../../test/simulation/fault-fixture.ts'
import { workerProcess, type WorkerProcess } from '../../../test/process/worker-process.ts'
import { expectInvariants } from '../../../test/simulation/invariants.ts'
import type { SmtpCommand, SmtpReply, SmtpScript } from '../../../test/smtp/scripted-smtp-server.ts'

const fixture = useFaultFixture()
const connections = 4
const leads = 150
/** Milliseconds after which waiting fails; long, because processes are started on a busy machine. */
const patience = 60_000

/** A connection that locks what has to be locked to store an outcome. */
let other: Client
/** True as soon as `other` has its lock. */
let isLocked: boolean
beforeEach(async () => {
  other = await fixture.connect()
  isLocked = false
})

interface ObservedScript {
  script: SmtpScript
  /** The number of connections whose last command was this one. */
  at(command: SmtpCommand): number
  /** Resolves when every connection waits for the body of a mail, and has for a while since the lock; or when `over`. */
  allAtTheGate(over?: () => boolean): Promise<unknown>
  /** Resolves when RSET was the last command of every connection for a while since the lock. */
  allIdle(): Promise<unknown>
}

/** Observes how far each connection has come with its mail, while a script answers. */
function observe(script: SmtpScript): ObservedScript {
  const commands = new Map<number, SmtpCommand>()
  const at = (wanted: SmtpCommand) => [...commands.values()].filter((command) => command === wanted).length
  let looks = 0
  const allStayAt = (wanted: SmtpCommand, over = () => false) =>
    until(
      async () => (isLocked && at(wanted) === connections ? (looks += 1) : 0),
      (inARow) => inARow >= 25 || over(),
      patience,
    )
  return {
    script(command, context) {
      commands.set(context.connection, command)
      looks = 0
      return script(command, context)
    },
    at,
    allAtTheGate: (over) => allStayAt('DATA', over),
    allIdle: () => allStayAt('RSET'),
  }
}

/** Answers ten mails, and the next ones only after `whenTenAreSent` has made it impossible to store an outcome. */
function tenAnswersThen(whenTenAreSent: () => Promise<unknown>): SmtpScript {
  let dots = 0
  let blocked: Promise<unknown> | null = null
  return (command): SmtpReply | undefined => {
    if (command !== 'DOT') return undefined
    dots += 1
    if (dots <= 10) return { delay: 10 }
    return { after: (blocked ??= whenTenAreSent()) }
  }
}

const lockStatements = {
  session: `SELECT 1 FROM sessions WHERE status = 'running' FOR UPDATE`,
  chunks: `SELECT 1 FROM chunks WHERE session_id = (SELECT id FROM sessions WHERE status = 'running') ORDER BY number FOR UPDATE`,
}

async function lock(statement: string, values: string[] = []): Promise<void> {
  await other.query('BEGIN')
  await other.query(statement, values)
  isLocked = true
}

async function countOf(sessionId: string, state: 'sending' | 'sent'): Promise<number> {
  const { rows } = await other.query<{ items: number }>(
    'SELECT count(*)::int AS items FROM items WHERE session_id = $1 AND mail_state = $2',
    [sessionId, state],
  )
  return rows[0]!.items
}

/** Expects that no connection was given a second mail after one whose outcome the database does not know. */
async function expectOneMailAConnection(sessionId: string): Promise<void> {
  expect(await countOf(sessionId, 'sending')).toBeLessThanOrEqual(connections)
  const unknown = fixture.smtp.mails.length - (await countOf(sessionId, 'sent'))
  expect(unknown).toBeLessThanOrEqual(connections)
  expect(unknown).toBeGreaterThan(0)
}

describe('while an outcome cannot be stored', () => {
  async function expectNoBodyWhileLocked(locked: keyof typeof lockStatements): Promise<void> {
    const observed = observe(tenAnswersThen(() => lock(lockStatements[locked])))
    const sessionId = await fixture.run(observed.script, { leads, url: fixture.plain(connections) })
    // Each connection continues with its next mail, as far as the gate.
    await observed.allAtTheGate()
    await expectOneMailAConnection(sessionId)
    // Chunks are locked before their session: whoever waits for a chunk keeps nobody from the session.
    if (locked === 'chunks') await other.query('SELECT 1 FROM sessions WHERE id = $1 FOR UPDATE NOWAIT', [sessionId])
    await other.query('ROLLBACK')
    await fixture.expectAllSentAtFirstTry(sessionId)
  }

  it('while somebody locks the session, no connection is given the body of a next mail', async () => {
    await expectNoBodyWhileLocked('session')
  }, 90_000)

  it('while somebody locks the chunks, no connection is given the body of a next mail', async () => {
    await expectNoBodyWhileLocked('chunks')
  }, 90_000)

  it('while the outcome of a mail that was refused before the gate cannot be stored, its connection tries nobody else', async () => {
    const reply = '550 5.1.1 No such user here'
    let tried = 0
    let blocked: Promise<unknown> | null = null
    const observed = observe((command) => {
      if (command !== 'RCPT') return undefined
      tried += 1
      return tried <= 10 ? { delay: 10, reply } : { after: (blocked ??= lock(lockStatements.session)), reply }
    })
    const sessionId = await fixture.run(observed.script, { leads, url: fixture.plain(connections) })
    await observed.allIdle()
    const { rows } = await other.query('SELECT 1 FROM items WHERE session_id = $1 AND tries > 0', [sessionId])
    expect(tried - rows.length).toBeLessThanOrEqual(connections)
    expect(tried - rows.length).toBeGreaterThan(0)
    await other.query('ROLLBACK')
    expect((await fixture.untilCompleted(sessionId)).mails.failed).toBe(leads)
  })

  it('while an outcome of one session cannot be stored, no connection is given the body of a mail of another', async () => {
    const answers = Promise.withResolvers<void>()
    const ofFirst = new Set<string>()
    let bodiesOfSecond = 0
    const observed = observe((command, { to }) => {
      if (command === 'BODY' && !ofFirst.has(to.join())) bodiesOfSecond += 1
      return command === 'DOT' && ofFirst.has(to.join()) ? { after: answers.promise } : undefined
    })
    const others = await fixture.activation.addLeads(20)
    const first = await startFirst()
    await until(
      async () => observed.at('DOT'),
      (inFlight) => inFlight === connections,
    )
    await lock('SELECT 1 FROM sessions WHERE id = $1 FOR UPDATE', [first])
    const { sessionId: second } = await fixture.activation.start({ ids: others })
    answers.resolve()
    await observed.allAtTheGate(() => bodiesOfSecond > 0)
    expect(bodiesOfSecond).toBe(0)
    expect(await countOf(first, 'sending')).toBe(connections)
    await other.query('ROLLBACK')
    expect((await fixture.untilCompleted(first)).mails.sent).toBe(connections)
    expect((await fixture.untilCompleted(second)).mails.sent).toBe(others.length)
    await expectInvariants(fixture.test, second, fixture.smtp.mails)

    /** Starts a session of as many mails as there are connections. */
    async function startFirst(): Promise<string> {
      fixture.smtp.script = observed.script
      const ids = await fixture.activation.addLeads(connections)
      const { rows } = await fixture.test.pool.query<{ email: string }>('SELECT email FROM leads WHERE id = ANY($1)', [
        ids,
      ])
      for (const { email } of rows) ofFirst.add(email)
      const { sessionId } = await fixture.activation.start({ ids })
      await fixture.work(fixture.plain(connections))
      return sessionId
    }
  })
})

describe('a process that is killed while an outcome cannot be stored', () => {
  let worker: WorkerProcess
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'rollcall-in-flight-'))
    const environment = {
      DATABASE_URL: fixture.test.url,
      SMTP_URL: fixture.plain(connections),
      SECRET: workerSecret,
      DATA_DIR: folder,
    }
    worker = workerProcess(environment, path.join(folder, 'worker.log'))
  })
  afterEach(async () => {
    await worker.kill()
    await rm(folder, { recursive: true, force: true })
  })

  /** Kills the process in the middle; `endStatements` undoes the statements that it had given to the database. */
  async function expectUnconfirmed(endStatements: boolean, least: number): Promise<void> {
    const observed = observe(tenAnswersThen(() => lock(lockStatements.session)))
    fixture.smtp.script = observed.script
    await worker.start()
    const ids = await fixture.activation.addLeads(leads)
    const { sessionId } = await fixture.activation.start({ ids })
    await observed.allAtTheGate()
    await worker.kill()
    await expectOneMailAConnection(sessionId)
    if (endStatements)
      await other.query(
        `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
           WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      )
    await other.query('ROLLBACK')
    await worker.start()
    const done = await until(
      () => fixture.activation.progress(sessionId),
      ({ completed }) => completed,
      patience,
    )
    expect(done.mails.sent + done.mails.unconfirmed).toBe(leads)
    expect(done.mails.unconfirmed).toBeLessThanOrEqual(connections)
    expect(done.mails.unconfirmed).toBeGreaterThanOrEqual(least)
    await expectInvariants(fixture.test, sessionId, fixture.smtp.mails)
  }

  it('a process that is killed leaves at most one mail a connection unconfirmed, and none is sent twice, when its statements still run', async () => {
    await expectUnconfirmed(false, 0)
  }, 180_000)

  it('a process that is killed leaves at most one mail a connection unconfirmed, and none is sent twice, when its statements are undone', async () => {
    await expectUnconfirmed(true, 1)
  }, 180_000)
})
