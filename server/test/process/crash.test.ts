import { readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Progress } from '@rollcall/shared'
import { makeFolder } from './folder.ts'
import { until } from '../app/activation.ts'
import { startScriptedSmtpServer, type ScriptedSmtpServer } from '../smtp/scripted-smtp-server.ts'
import { addLeads, freePort, killDatabase, prepareWebApp, startRollcall, type Rollcall } from './rollcall.ts'

const connections = 5
const leads = 200
let smtp: ScriptedSmtpServer
let folder: string
let environment: Record<string, string>
const started: Rollcall[] = []

beforeAll(async () => {
  await prepareWebApp()
}, 180_000)
beforeEach(async () => {
  smtp = await startScriptedSmtpServer()
  folder = await makeFolder('rollcall-process-')
  environment = {
    DATA_DIR: folder,
    PORT: String(await freePort()),
    SMTP_URL: `${smtp.url}?connections=${connections}&ignoreTLS=true`,
  }
})
afterEach(async () => {
  for (const { child, exited } of started.splice(0)) {
    child.kill('SIGTERM')
    await exited
  }
  await smtp.stop()
  await rm(folder, { recursive: true, force: true })
}, 60_000)

async function start(): Promise<Rollcall> {
  const rollcall = await startRollcall(environment)
  started.push(rollcall)
  return rollcall
}

/** Starts a session and waits until it is in the middle of its mails; resolves to its id. */
async function startSession(rollcall: Rollcall, answerAfter: number): Promise<string> {
  smtp.script = (command) => (command === 'DOT' ? { delay: answerAfter } : undefined)
  const ids = await addLeads(rollcall, leads)
  const { sessionId } = await rollcall.call<Progress>('POST', '/crm/activation/sessions', { selection: { ids } })
  await until(
    async () => smtp.mails.length,
    (count) => count >= 40,
  )
  return sessionId
}

const untilCompleted = (rollcall: Rollcall, sessionId: string) =>
  until(
    () => rollcall.progress(sessionId),
    ({ completed }) => completed,
    40_000,
  )

function mostCopies(): number {
  const copies = Map.groupBy(smtp.mails, ({ to }) => to.join())
  return Math.max(...[...copies.values()].map((each) => each.length))
}

async function pidFile(): Promise<string> {
  const names = await readdir(folder, { recursive: true })
  const name = names.find((each) => path.basename(each) === 'postmaster.pid')
  if (name === undefined) throw new Error(`There is no database in ${names.join()}.`)
  return path.join(folder, name)
}

describe('a process that is asked to stop in the middle of a session', () => {
  async function expectGracefulEnd(signal: 'SIGTERM' | 'SIGINT'): Promise<void> {
    const first = await start()
    const sessionId = await startSession(first, 100)
    const asked = performance.now()
    first.child.kill(signal)
    expect(await first.exited).toEqual({ code: 0, signal: null })
    expect(performance.now() - asked).toBeLessThan(20_000)
    const sentBefore = smtp.mails.length
    expect(sentBefore).toBeLessThan(leads)
    smtp.script = () => undefined
    const second = await start()
    const done = await untilCompleted(second, sessionId)
    expect(done.mails).toMatchObject({ sent: leads, unconfirmed: 0, failed: 0 })
    expect(smtp.mails).toHaveLength(leads)
    expect(mostCopies()).toBe(1)
  }

  it('a process finishes and stores the mails in flight at SIGTERM and ends with 0, and the next start sends the rest once', async () => {
    await expectGracefulEnd('SIGTERM')
  }, 90_000)

  it('a process finishes and stores the mails in flight at SIGINT and ends with 0, and the next start sends the rest once', async () => {
    await expectGracefulEnd('SIGINT')
  }, 90_000)
})

describe('a process that is killed in the middle of a session', () => {
  async function expectRecovery(sessionId: string): Promise<void> {
    const before = smtp.mails.length
    smtp.script = () => undefined
    const second = await start()
    const ready = performance.now()
    await until(
      async () => smtp.mails.length,
      (count) => count > before,
    )
    const goesOnAfter = performance.now() - ready
    const done = await untilCompleted(second, sessionId)
    process.stdout.write(
      `ready again after ${Math.round(second.readyAfter)} ms, went on ${Math.round(goesOnAfter)} ms later, ${done.mails.unconfirmed} unconfirmed\n`,
    )
    expect(goesOnAfter).toBeLessThan(4000)
    expect(mostCopies()).toBe(1)
    expect(done.accounts).toEqual({ created: leads, existing: 0, failed: 0, cancelled: 0, pending: 0 })
    expect(done.mails).toMatchObject({ failed: 0, skipped: 0, cancelled: 0, pending: 0 })
    expect(done.mails.sent + done.mails.unconfirmed).toBe(leads)
    expect(done.mails.unconfirmed).toBeLessThanOrEqual(connections)
    expect(smtp.mails.length).toBeLessThanOrEqual(leads)
    expect(smtp.mails.length).toBeGreaterThanOrEqual(done.mails.sent)
  }

  it('a session whose process was killed goes on by itself after the next start; nobody is mailed twice, and every lead is accounted for', async () => {
    const first = await start()
    const sessionId = await startSession(first, 20)
    first.child.kill('SIGKILL')
    await first.exited
    await expectRecovery(sessionId)
  }, 90_000)

  it('a session goes on after the next start also where the database was killed with the process', async () => {
    const first = await start()
    const sessionId = await startSession(first, 20)
    const file = await pidFile()
    first.child.kill('SIGKILL')
    killDatabase(file)
    await first.exited
    await expectRecovery(sessionId)
  }, 90_000)

  it('a process survives when only its database is killed, and goes on by itself', async () => {
    const rollcall = await start()
    const sessionId = await startSession(rollcall, 20)
    killDatabase(await pidFile())
    const done = await until(
      () => rollcall.progress(sessionId).catch(() => null),
      (progress) => progress?.completed === true,
      60_000,
    )
    expect(done?.mails).toMatchObject({ failed: 0, skipped: 0, pending: 0 })
    expect((done?.mails.sent ?? 0) + (done?.mails.unconfirmed ?? 0)).toBe(leads)
    expect(done?.mails.unconfirmed).toBeLessThanOrEqual(connections)
    expect(mostCopies()).toBe(1)
  }, 90_000)
})
