import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Progress } from '@rollcall/shared'
import { until } from '../app/activation.ts'
import { createTestDatabase, type TestDatabase } from '../database/database.ts'
import { startRedis, type TestRedis } from '../cluster/redis.ts'
import { startScriptedSmtpServer, type ScriptedSmtpServer } from '../smtp/scripted-smtp-server.ts'
import { addLeads, prepareWebApp, startRollcall, type Rollcall } from './rollcall.ts'

const leads = 120
const password = 'hunter2hunter2'
let folder: string
let redis: TestRedis
let test: TestDatabase
let smtp: ScriptedSmtpServer

beforeAll(async () => {
  redis = await startRedis({ requirepass: password })
  await prepareWebApp()
  folder = await mkdtemp(path.join(tmpdir(), 'rollcall-redis-'))
  test = await createTestDatabase()
  smtp = await startScriptedSmtpServer()
}, 180_000)
afterAll(async () => {
  await smtp?.stop()
  await test?.close()
  await redis?.stop()
  await rm(folder, { recursive: true, force: true })
})

const bothListen = () =>
  until(
    () => redis.ask(['PUBSUB', 'NUMSUB', 'rollcall:progress:0'], password),
    (answer) => answer.includes('\n2\n'),
  )

const untilCompleted = (api: Rollcall, sessionId: string) =>
  until(
    () => api.progress(sessionId),
    ({ completed }) => completed,
    40_000,
  )

function warnings(rollcall: Rollcall): string[] {
  return rollcall
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{') && line.includes('bus between nodes'))
}

it('an API process and a worker process with REDIS_URL log the loss of Redis once each, go on without it, and use it again when it is back', async () => {
  const common = {
    DATABASE_URL: test.url,
    DATA_DIR: folder,
    SECRET: 'a secret of the tests that is long enough',
    SMTP_URL: `${smtp.url}?connections=4&ignoreTLS=true`,
    REDIS_URL: redis.url.replace('//', `//:${password}@`),
  }
  const redisIsAway = Promise.withResolvers<void>()
  let dots = 0
  smtp.script = (command) =>
    command === 'DOT' && dots++ >= 10 ? { after: redisIsAway.promise, reply: { delay: 50 } } : undefined
  const api = await startRollcall({ ...common, MODE: 'api' })
  const worker = await startRollcall({ ...common, MODE: 'worker' })
  await bothListen()
  const listening = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'rollcall bus'`
  expect((await test.pool.query(listening)).rowCount).toBe(0)

  const ids = await addLeads(api, leads)
  const watcher = await api.watch()
  const run = () => api.call<Progress>('POST', '/crm/activation/sessions', { selection: { ids } })
  const { sessionId } = await run()
  watcher.send({ type: 'subscribe', sessionId })
  await watcher.progress(sessionId, ({ mails }) => mails.sent > 0 && mails.pending > 0)
  await redis.kill()
  redisIsAway.resolve()
  await untilCompleted(api, sessionId)
  const done = await watcher.progress(sessionId, ({ completed }) => completed)
  expect(done.mails.sent).toBe(leads)
  for (const each of [api, worker]) {
    expect(await each.status('/health/ready')).toBe(200)
    expect(warnings(each)).toHaveLength(1)
    expect(each.output()).not.toMatch(/hunter2|redis:\/\//)
  }

  await redis.start()
  await bothListen()
  const again = await run()
  watcher.send({ type: 'subscribe', sessionId: again.sessionId })
  await untilCompleted(api, again.sessionId)
  await watcher.progress(again.sessionId, ({ completed }) => completed)
  watcher.close()
  for (const { child, exited } of [worker, api]) {
    child.kill('SIGTERM')
    expect((await exited).code).toBe(0)
  }
}, 180_000)
