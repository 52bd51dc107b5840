import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Client } from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { until } from '../../../test/app/activation.ts'
import { useFaultFixture } from '../../../test/simulation/fault-fixture.ts'
import { expectInvariants } from '../../../test/simulation/invariants.ts'
import {
  startScriptedSmtpServer,
  type SmtpCommand,
  type ScriptedSmtpServer,
} from '../../../test/smtp/scripted-smtp-server.ts'
import { workerProcess, type WorkerProcess } from '../../../test/process/worker-process.ts'

const fixture = useFaultFixture()

/** Ends every connection to the database but the one that asks. */
const cutAll = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`

/** Finds statements that wait for a lock. It is run outside of a transaction, in which its answer would not change. */
const waitingForLock = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`

describe('when every connection to PostgreSQL is cut', () => {
  const leads = 60
  let other: Client
  beforeEach(async () => {
    other = await fixture.connect()
  })

  /** Cuts the connections while mails wait at this command; `handedOver` is how many the server has at least by then. */
  async function expectNothingTwice(command: 'DATA' | 'DOT', handedOver: number): Promise<void> {
    const locked = Promise.withResolvers<void>()
    let times = 0
    /** Locks the session, so that gates and outcomes wait in the middle of their transaction. */
    async function lockSession(): Promise<void> {
      await other.query('BEGIN')
      await other.query(`SELECT 1 FROM sessions WHERE status = 'running' FOR UPDATE`)
    }
    const script = (now: SmtpCommand) => {
      if (now !== command || times++ > 0) return undefined
      void lockSession().then(locked.resolve, locked.reject)
      return { after: locked.promise }
    }
    const sessionId = await fixture.run(script, { leads, url: fixture.plain(3) })
    await locked.promise
    await until(
      async () => (await fixture.test.pool.query(waitingForLock)).rowCount ?? 0,
      (waiting) => waiting > 0,
    )
    expect(fixture.smtp.mails.length).toBeGreaterThanOrEqual(handedOver)
    await other.query(cutAll)
    await other.query('ROLLBACK')
    // The test's own connections were cut, too.
    await until(
      () => fixture.activation.progress(sessionId).catch(() => null),
      (progress) => progress !== null,
    )
    await fixture.expectAllSentAtFirstTry(sessionId)
  }

  it('when every connection to PostgreSQL is cut while mails wait at the gate, nothing is sent twice and nothing is called sent that the server does not have', () =>
    expectNothingTwice('DATA', 0))

  it('when every connection to PostgreSQL is cut while outcomes wait to be stored, nothing is sent twice and nothing is called sent that the server does not have', () =>
    expectNothingTwice('DOT', 1))

  it('when every connection to PostgreSQL is cut again and again, everybody is mailed once all the same', async () => {
    const sessionId = await fixture.run((command) => (command === 'DOT' ? { delay: 10 } : undefined), {
      leads: 150,
      url: fixture.plain(3),
    })
    let cuts = 0
    let before = 0
    while (fixture.smtp.mails.length < 140) {
      if (fixture.smtp.mails.length >= before + 12) {
        before = fixture.smtp.mails.length
        cuts += 1
        await other.query(cutAll)
      }
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    expect(cuts).toBeGreaterThan(5)
    const done = await until(
      () => fixture.activation.progress(sessionId).catch(() => null),
      (progress) => progress?.completed === true,
    )
    expect(done?.mails).toMatchObject({ sent: 150, failed: 0, unconfirmed: 0 })
    await expectInvariants(fixture.test, sessionId, fixture.smtp.mails)
    expect(fixture.smtp.mails).toHaveLength(150)
  })
})

describe('a process that froze in the middle of a transaction', () => {
  it('a process that froze in the middle of a transaction keeps its locks from the others for a few seconds only', async () => {
    const frozen = await fixture.test.pool.connect()
    try {
      const sessionId = await fixture.run((command) => (command === 'DOT' ? { delay: 20 } : undefined), { leads: 60 })
      await fixture.activation.until(sessionId, ({ mails }) => mails.sent > 0)
      await frozen.query('BEGIN')
      await frozen.query('SELECT 1 FROM sessions WHERE id = $1 FOR UPDATE', [sessionId])
      await fixture.expectAllSentAtFirstTry(sessionId)
    } finally {
      frozen.release(true)
    }
  })
})

describe('of two worker processes', () => {
  const leads = 600
  const connections = 5
  /** The mail servers, one for each process, which show which process sent a mail. */
  let servers: ScriptedSmtpServer[]
  let workers: WorkerProcess[]
  let folder: string

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'rollcall-faults-'))
    servers = await Promise.all([startScriptedSmtpServer(), startScriptedSmtpServer()])
    workers = servers.map((server, number) => workerProcess(environmentOf(server), path.join(folder, `${number}.log`)))
    await Promise.all(workers.map((each) => each.start()))
  })
  afterEach(async () => {
    await Promise.all(workers.map((each) => each.kill()))
    await Promise.all(servers.map((each) => each.stop()))
    await rm(folder, { recursive: true, force: true })
  })

  function environmentOf(server: ScriptedSmtpServer): Record<string, string> {
    return {
      DATABASE_URL: fixture.test.url,
      SMTP_URL: `${server.url}?connections=${connections}&ignoreTLS=true`,
      SECRET: 'faults of the tests '.repeat(3),
      DATA_DIR: folder,
    }
  }

  /** Starts a session, and waits until the first process, which is slow, has mails past the gate and others that are pending. */
  async function inTheMiddle(): Promise<{ sessionId: string; ofFirst: Set<string> }> {
    const [slow, quick] = servers as [ScriptedSmtpServer, ScriptedSmtpServer]
    slow.script = (command) => (command === 'DOT' || command === 'DATA' ? { delay: 150 } : undefined)
    quick.script = (command) => (command === 'DOT' ? { delay: 60 } : undefined)
    const ids = await fixture.activation.addLeads(leads)
    const { sessionId } = await fixture.activation.start({ ids })
    await until(
      async () => [slow.mails.length, quick.mails.length],
      (counts) => counts.every((count) => count >= 5),
    )
    return { sessionId, ofFirst: new Set(await pendingOfProcess(workers[0]!)) }
  }

  /** Reads the addresses of the mails that are pending in the chunks that a process has claimed. */
  async function pendingOfProcess(worker: WorkerProcess): Promise<string[]> {
    const { rows } = await fixture.test.pool.query<{ email: string }>(
      `SELECT items.email FROM nodes JOIN chunks ON chunks.owner = nodes.id
       JOIN items ON items.session_id = chunks.session_id AND items.chunk = chunks.number
       WHERE nodes.name LIKE '% ' || $1 AND chunks.accounts_done AND items.mail_state = 'pending'`,
      [String(worker.pid)],
    )
    return rows.map(({ email }) => email)
  }

  async function pendingOf(sessionId: string, emails: Set<string>): Promise<number> {
    const all = await fixture.items(sessionId)
    return all.filter(({ lead, mail }) => emails.has(lead.email) && ['pending', 'sending'].includes(mail.state)).length
  }

  /** Waits for the end, and expects that nobody has two mails, and that only mails the first process had in flight are unconfirmed, as an event says. */
  async function expectTakenOver(sessionId: string, pid: number): Promise<void> {
    const done = await fixture.untilCompleted(sessionId)
    expect(done.mails.sent + done.mails.unconfirmed).toBe(leads)
    expect(done.mails.unconfirmed).toBeLessThanOrEqual(connections)
    const all = await expectInvariants(
      fixture.test,
      sessionId,
      servers.flatMap(({ mails }) => mails),
    )
    const lost = all.filter(({ mail }) => mail.state === 'unconfirmed')
    expect(lost.every(({ mail }) => mail.reason === 'worker_lost' && mail.settledBy === 'takeover')).toBe(true)
    const takeovers = (await fixture.events(sessionId)).filter(({ type }) => type === 'taken_over')
    expect(takeovers).toHaveLength(1)
    expect(takeovers[0]).toMatchObject({ actor: null, details: { inFlight: lost.length, settledAs: 'unconfirmed' } })
    expect(takeovers[0]?.details.chunks).toBeGreaterThan(0)
    expect(takeovers[0]?.cause).toContain(` ${pid}"`)
  }

  it('of two worker processes, the other continues within a few seconds when one is killed in the middle, and says how many mails were in flight', async () => {
    const { sessionId, ofFirst } = await inTheMiddle()
    const [first] = workers as [WorkerProcess]
    const { pid } = first
    expect(ofFirst.size).toBeGreaterThan(10)
    await first.kill()
    const killedAt = performance.now()
    await until(
      async () => servers[1]!.mails.some(({ to }) => ofFirst.has(to.join())),
      (goesOn) => goesOn,
    )
    expect(performance.now() - killedAt).toBeLessThan(5000)
    await expectTakenOver(sessionId, pid)
  }, 60_000)

  it('a worker process that was frozen for longer than the other waits sends nothing more of its old chunks when it wakes up', async () => {
    const { sessionId, ofFirst } = await inTheMiddle()
    const [first] = workers as [WorkerProcess]
    const { pid } = first
    process.kill(pid, 'SIGSTOP')
    // By then every mail has arrived that had left the process before it froze.
    await until(
      () => pendingOf(sessionId, ofFirst),
      (pending) => pending === 0,
    )
    const before = servers[0]!.mails.length
    process.kill(pid, 'SIGCONT')
    await fixture.untilCompleted(sessionId)
    await until(
      async () =>
        (
          await fixture.test.pool.query(`SELECT 1 FROM nodes WHERE name LIKE '% ' || $1 AND dead_at IS NULL`, [
            String(pid),
          ])
        ).rowCount,
      (living) => living === 1,
    )
    const sentAfterwards = servers[0]!.mails.slice(before).map(({ to }) => to.join())
    expect(sentAfterwards.filter((email) => ofFirst.has(email))).toEqual([])
    await expectTakenOver(sessionId, pid)
  }, 60_000)
})
