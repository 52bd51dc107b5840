import { rm } from 'node:fs/promises'
import net from 'node:net'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Progress } from '@rollcall/shared'
import { makeFolder } from './folder.ts'
import { until } from '../app/activation.ts'
import { createTestDatabase } from '../database/database.ts'
import { startScriptedSmtpServer } from '../smtp/scripted-smtp-server.ts'
import { addLeads, freePort, prepareWebApp, runToEnd, startRollcall } from './rollcall.ts'

let folder: string
beforeAll(async () => {
  await prepareWebApp()
  folder = await makeFolder('rollcall-process-')
}, 180_000)
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('a start', () => {
  /** Tests that a start with this value of this variable ends with 1 and one line that names the variable and keeps its secrets. */
  function isRefused(title: string, name: string, value: string): void {
    it(title, async () => {
      const { code, output } = await runToEnd({
        DATA_DIR: path.join(folder, 'wrong'),
        LOG_LEVEL: 'error',
        PORT: String(await freePort()),
        [name]: value,
      })
      expect(code).toBe(1)
      expect(output.trim().split('\n')).toHaveLength(1)
      expect(output).toMatch(new RegExp(`^${name} .*[.]\\n$`))
      expect(output).not.toContain('hunter2')
    })
  }

  isRefused('a start with a PORT that is no number ends with 1 and one line that names it', 'PORT', 'eighty')
  isRefused('a start with a HOST that is no name ends with 1 and one line that names it', 'HOST', 'not a host')
  isRefused(
    'a start with a PUBLIC_URL without a scheme ends with 1 and one line that names it',
    'PUBLIC_URL',
    'crm.example.com',
  )
  isRefused(
    'a start with a DATABASE_URL of another kind of database ends with 1 and one line that names it',
    'DATABASE_URL',
    'mysql://root:hunter2hunter2@localhost/x',
  )
  isRefused(
    'a start with an SMTP_URL whose number of connections is no number ends with 1 and one line that names it',
    'SMTP_URL',
    'smtp://user:hunter2hunter2@mail?connections=none',
  )
  isRefused('a start with an unknown MODE ends with 1 and one line that names it', 'MODE', 'both')
  isRefused('a start with a short ADMIN_PASSWORD ends with 1 and one line that names it', 'ADMIN_PASSWORD', 'hunter2')
  isRefused('a start with a short SECRET ends with 1 and one line that names it', 'SECRET', 'hunter2hunter2')
  isRefused(
    'a start with a HOST that is not one of this machine ends with 1 and one line that names it',
    'HOST',
    '192.0.2.1',
  )
  isRefused(
    'a start with a DATA_DIR that cannot be created ends with 1 and one line that names it',
    'DATA_DIR',
    '/proc/x',
  )
  isRefused(
    'a start with a DATA_DIR inside something that is no folder ends with 1 and one line that names it',
    'DATA_DIR',
    '/dev/null/x',
  )
  isRefused(
    'a start with a DATABASE_URL at whose address nobody answers ends with 1 and one line that names it',
    'DATABASE_URL',
    'postgres://user:hunter2hunter2@127.0.0.1:1/nothing',
  )
  isRefused(
    'a start with a DATABASE_URL at whose name nobody answers ends with 1 and one line that names it',
    'DATABASE_URL',
    'postgres://user:hunter2hunter2@localhost:1/nothing',
  )

  it('a start on a port that is taken says so in one line', async () => {
    const other = net.createServer()
    const port = await freePort()
    await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve))
    const { code, output } = await runToEnd({
      DATA_DIR: path.join(folder, 'taken'),
      LOG_LEVEL: 'error',
      PORT: String(port),
    })
    other.close()
    expect([code, output]).toEqual([1, 'PORT is in use by another program; choose another one.\n'])
  })

  it('a start prints one banner with the address, the e-mail, the folder and the mailbox, and only the first start prints the password', async () => {
    const environment = { DATA_DIR: path.join(folder, 'banner'), PORT: String(await freePort()), ADMIN_PASSWORD: '' }
    const first = await startRollcall(environment)
    const banner = await until(
      async () => first.output(),
      (output) => output.includes('Rollcall is running') && output.includes('only this once'),
    )
    first.child.kill('SIGTERM')
    expect((await first.exited).code).toBe(0)
    expect(banner).toContain(`http://localhost:${environment.PORT}`)
    expect(banner).toContain('admin@rollcall.localhost')
    expect(banner).toMatch(/Password {5}\w{20}\n/)
    expect(banner).toContain(environment.DATA_DIR)
    expect(banner).toContain('built-in mailbox')
    const second = await startRollcall(environment)
    const again = await until(
      async () => second.output(),
      (output) => output.includes('Rollcall is running'),
    )
    second.child.kill('SIGTERM')
    expect((await second.exited).code).toBe(0)
    expect(again).not.toMatch(/Password {5}\w{20}\n/)
    process.stdout.write(
      `first start ready after ${Math.round(first.readyAfter)} ms, second after ${Math.round(second.readyAfter)} ms\n`,
    )
    expect(second.readyAfter).toBeLessThan(20_000)
  }, 90_000)
})

describe('MODE=api and MODE=worker on one database', () => {
  it('a process with MODE=api shows live what a process with MODE=worker runs on the same database', async () => {
    const test = await createTestDatabase()
    // The mail server accepts no mail, so the session cannot end, until the test has checked what ran before there was a worker.
    const checked = Promise.withResolvers<void>()
    const smtp = await startScriptedSmtpServer({
      script: (command) => (command === 'DOT' ? { after: checked.promise } : undefined),
    })
    const common = {
      DATABASE_URL: test.url,
      DATA_DIR: path.join(folder, 'modes'),
      SECRET: 'a secret of the tests that is long enough',
      SMTP_URL: `${smtp.url}?connections=4&ignoreTLS=true`,
    }
    const api = await startRollcall({ ...common, MODE: 'api' })
    const ids = await addLeads(api, 60)
    const { sessionId } = await api.call<Progress>('POST', '/crm/activation/sessions', { selection: { ids } })
    const watcher = await api.watch()
    watcher.send({ type: 'subscribe', sessionId })
    expect((await watcher.progress(sessionId)).status).toBe('queued')

    const worker = await startRollcall({ ...common, MODE: 'worker' })
    // Nothing ran before there was a worker; the one event says that the session runs now.
    expect(watcher.frames.filter(({ type }) => type === 'event').length).toBeLessThanOrEqual(1)
    checked.resolve()
    for (const address of ['/', '/crm/leads', '/staff/me', '/openapi.json', '/crm/activation/live', '/login'])
      expect.soft([address, await worker.status(address)]).toEqual([address, 404])
    for (const address of ['/health/live', '/health/ready', '/metrics'])
      expect.soft([address, await worker.status(address)]).toEqual([address, 200])

    const done = await watcher.progress(sessionId, ({ completed }) => completed)
    expect(done).toMatchObject({ status: 'completed', mails: { sent: 60 } })
    expect(smtp.mails).toHaveLength(60)
    const frames = watcher.frames.filter((frame) => frame.type === 'progress')
    expect(frames.length).toBeGreaterThan(1)
    watcher.close()
    for (const { child, exited } of [worker, api]) {
      child.kill('SIGTERM')
      expect((await exited).code).toBe(0)
    }
    await smtp.stop()
    await test.close()
  }, 90_000)
})
