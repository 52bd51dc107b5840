import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { SettingsPatch } from '@rollcall/shared'
import { actor, createActivation, until, type Activation } from '../../../test/app/activation.ts'
import { createTestDatabase, type TestDatabase } from '../../../test/database/database.ts'
import { earlyMilliseconds, expectNeverAhead } from '../../../test/smtp/mail-rate.ts'
import { workerProcess, type WorkerProcess } from '../../../test/process/worker-process.ts'
import { expectInvariants } from '../../../test/simulation/invariants.ts'
import { startScriptedSmtpServer, type ScriptedSmtpServer } from '../../../test/smtp/scripted-smtp-server.ts'
import { changeSettings } from '../../settings/settings.usecases.ts'

/** A mail that has reached the mail server up to its DATA command. */
interface Arrival {
  /** The time on this process's clock, in milliseconds. */
  at: number
  to: string
  /** The user under which its process signs in. */
  sender: string
}

const senders = ['first', 'second', 'third']
/** Each process has one connection and works on three chunks at once, each of which may have one mail that the limiter has let go. */
const mailsLetGo = senders.length * 3
/** How many milliseconds a session may take, also where the processes share a core with many others. */
const patience = 120_000
/** A process reads the rates again after so many milliseconds. */
const ratesLive = 1000

let test: TestDatabase
let activation: Activation
let smtp: ScriptedSmtpServer
let folder: string
let workers: WorkerProcess[]
let arrivals: Arrival[]

beforeAll(async () => {
  test = await createTestDatabase()
  activation = await createActivation(test)
  folder = await mkdtemp(path.join(tmpdir(), 'rollcall-rates-'))
  smtp = await startScriptedSmtpServer({ extensions: ['AUTH PLAIN'] })
  workers = senders.map((sender) =>
    workerProcess(
      {
        DATABASE_URL: test.url,
        SMTP_URL: `${smtp.url.replace('//', `//${sender}:secret@`)}?connections=1&ignoreTLS=true`,
        SECRET: 'the rates of processes '.repeat(2),
        DATA_DIR: folder,
      },
      path.join(folder, `${sender}.log`),
    ),
  )
  await Promise.all(workers.map((each) => each.start()))
}, 120_000)
afterAll(async () => {
  await Promise.all(workers.map((each) => each.kill()))
  await activation.close()
  await smtp.stop()
  await test.close()
  await rm(folder, { recursive: true, force: true })
})
beforeEach(() => {
  arrivals = []
  const users = new Map<number, string>()
  smtp.script = (command, { line, connection, to }) => {
    if (command === 'AUTH')
      users.set(
        connection,
        Buffer.from(line.split(' ')[2] ?? '', 'base64')
          .toString()
          .split('\0')[1]!,
      )
    if (command === 'DATA') arrivals.push({ at: performance.now(), to: to.join(), sender: users.get(connection) ?? '' })
    return undefined
  }
})

/** Changes the rates; returns the time before the change began, and the time at which the rates were stored. */
async function setRates(rates: Pick<SettingsPatch, 'mailsPerSecond' | 'domainRates'>): Promise<[number, number]> {
  const before = performance.now()
  await changeSettings(test.database, rates, actor, new Date())
  return [before, performance.now()]
}

/** Expects that in any stretch of so many milliseconds no more mails have come than the rate allows, apart from those that the limiter had let go before. */
function expectNoBurst(times: number[], stretch: number, perSecond: number): void {
  const most = Math.max(...times.map((from) => times.filter((at) => at >= from && at <= from + stretch).length))
  expect(most).toBeLessThanOrEqual((perSecond * (stretch + earlyMilliseconds)) / 1000 + 1 + mailsLetGo)
}

const timesOf = (some: Arrival[]) => some.map(({ at }) => at)

describe('three processes on one database', () => {
  it('three processes together send at the rate that is set, never faster, and a change applies to a session that runs', async () => {
    const fast = 40
    await setRates({ mailsPerSecond: fast, domainRates: [] })
    const leads = 600
    const ids = await activation.addLeads(leads)
    const begun = performance.now()
    const { sessionId } = await activation.start({ ids })
    await until(
      async () => senders.map((each) => arrivals.filter(({ sender }) => sender === each).length),
      (counts) => counts.every((count) => count >= 5) && arrivals.length >= 120,
      patience,
    )

    const slow = 0.5
    const [asked, changed] = await setRates({ mailsPerSecond: slow })
    const watched = 3000
    await until(
      async () => performance.now() - changed,
      (passed) => passed > watched,
    )
    const before = timesOf(arrivals.filter(({ at }) => at <= asked))
    expectNeverAhead(before, begun, fast)
    for (const stretch of [250, 1000, 2000]) expectNoBurst(before, stretch, fast)
    const after = arrivals.filter(({ at }) => at > changed && at <= changed + watched)
    // A process sends at the fast rate until it reads the rates again, and the mails that the limiter had let go by then still come.
    const most = (fast * ratesLive + slow * watched) / 1000 + 1 + 2 * mailsLetGo
    expect(after.length).toBeLessThanOrEqual(most)
    expect(most).toBeLessThan((fast * watched) / 1000)

    await setRates({ mailsPerSecond: null })
    const done = await until(
      () => activation.progress(sessionId),
      ({ completed }) => completed,
      patience,
    )
    expect(done.mails).toMatchObject({ sent: leads, unconfirmed: 0 })
    await expectInvariants(test, sessionId, smtp.mails)
  }, 300_000)

  it('three processes keep a rate that is set for one domain, and send the mails to other domains without it', async () => {
    const perSecond = 15
    const limited = await activation.addLeads(60)
    const { rows } = await test.pool.query<{ domain: string }>(
      `SELECT split_part(email, '@', 2) AS domain FROM leads WHERE id = $1`,
      [limited[0]],
    )
    const { domain } = rows[0]!
    await setRates({ mailsPerSecond: null, domainRates: [{ domain, mailsPerSecond: perSecond }] })
    await waitUntilRead()
    const others = await activation.addLeads(60)
    const begun = performance.now()
    const { sessionId } = await activation.start({ ids: [...limited, ...others] })
    const done = await until(
      () => activation.progress(sessionId),
      ({ completed }) => completed,
      patience,
    )
    expect(done.mails.sent).toBe(120)
    const times = timesOf(arrivals.filter(({ to }) => to.endsWith(`@${domain}`)))
    expect(times).toHaveLength(60)
    expectNeverAhead(times, begun, perSecond)
    expectNoBurst(times, 1000, perSecond)
  }, 180_000)
})

/** Waits until every process has read the rates that are stored now. */
async function waitUntilRead(): Promise<void> {
  const since = performance.now()
  await until(
    async () => performance.now() - since,
    (passed) => passed > ratesLive,
  )
}
