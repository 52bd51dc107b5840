import { sql } from 'drizzle-orm'
import type { PgBoss } from 'pg-boss'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/database/database.ts'
import { rowsOf } from '../db/database.ts'
import { enqueue, openBoss, queues } from '../jobs/queues.ts'
import { hasUnfinishedJob, runWaitingJobsNow, unfinishedJobs } from './pg-boss.ts'

let test: TestDatabase
let boss: PgBoss

beforeAll(async () => {
  test = await createTestDatabase()
  boss = await openBoss({ databaseUrl: test.url, runsJobs: false, onError: () => undefined })
})
afterAll(async () => {
  await boss?.stop()
  await test?.close()
})

async function add(sessionId: string, chunk: number, startAfter: Date | null = null): Promise<void> {
  await test.database.transaction((transaction) =>
    enqueue(boss, transaction, 'mails', [{ data: { sessionId, chunk }, startAfter }]),
  )
}

async function isUnfinished(sessionId: string, chunk: number, queueNames: string[] = [queues.mails]): Promise<boolean> {
  const condition = hasUnfinishedJob(queueNames, sql`chunk.session`, sql`chunk.number`)
  const rows = await rowsOf<{ found: boolean }>(
    test.database,
    sql`SELECT ${condition} AS found FROM (SELECT ${sessionId}::text AS session, ${chunk}::int AS number) chunk`,
  )
  return rows[0]!.found
}

async function fetchJob(): Promise<string | undefined> {
  const [job] = await boss.fetch(queues.mails)
  return job?.id
}

it('a job is unfinished while it waits, runs, and waits to be tried again, and no longer once it is completed', async () => {
  await add('first', 1)
  expect(await isUnfinished('first', 1)).toBe(true)
  const id = (await fetchJob())!
  expect(await isUnfinished('first', 1)).toBe(true)
  await boss.fail(queues.mails, id)
  expect(await isUnfinished('first', 1)).toBe(true)
  const { rows } = await test.pool.query<{ state: string }>(unfinishedJobs)
  expect(rows.map(({ state }) => state)).toEqual(['retry'])
  await test.pool.query(runWaitingJobsNow)
  expect(await fetchJob()).toBe(id)
  await boss.complete(queues.mails, id)
  expect(await isUnfinished('first', 1)).toBe(false)
})

it('an unfinished job counts for its own chunk and queue only', async () => {
  await add('second', 7)
  expect(await isUnfinished('second', 7, [queues.accounts, queues.mails])).toBe(true)
  expect(await isUnfinished('second', 8)).toBe(false)
  expect(await isUnfinished('another', 7)).toBe(false)
  expect(await isUnfinished('second', 7, [queues.accounts])).toBe(false)
  await boss.complete(queues.mails, (await fetchJob())!)
})

it('a job that waits for a later time is given out once it is told to run now', async () => {
  await add('third', 1, new Date(Date.now() + 3_600_000))
  expect(await fetchJob()).toBeUndefined()
  await test.pool.query(runWaitingJobsNow)
  expect(await fetchJob()).toBeDefined()
})
