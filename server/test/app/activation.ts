import { randomBytes, randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { PgBoss } from 'pg-boss'
import { pino } from 'pino'
import { sql } from 'drizzle-orm'
import type { Person, Progress, Selection, SessionOptions } from '@rollcall/shared'
import { recount } from '../../src/activation/chunks/items.queries.ts'
import { latestProgress } from '../../src/activation/history/progress.usecases.ts'
import type { ActivationDeps } from '../../src/activation/session/activation-deps.ts'
import { startSession } from '../../src/activation/starting/start.usecases.ts'
import type { SessionTemplate } from '../../src/activation/session/template.ts'
import { rowsOf } from '../../src/db/database.ts'
import { openBoss } from '../../src/jobs/queues.ts'
import { createSmtpSender } from '../../src/mail/smtp/sender.ts'
import { parseSmtpUrl } from '../../src/mail/smtp/settings.ts'
import { defaultTemplate } from '../../src/mail/composing/template.ts'
import { startWorker, type Worker } from '../../src/worker.ts'
import type { TestDatabase } from '../database/database.ts'

export const actor: Person = { id: 'staff-1', name: 'Ada' }

export const template: SessionTemplate = {
  source: defaultTemplate,
  from: 'Rollcall <no-reply@crm.example>',
  publicUrl: 'http://localhost:3000',
  linkLifeDays: 7,
  failureShare: null,
}

/** The secret with which the workers sign activation links. */
export const workerSecret = 'x'.repeat(32)

/**
 * The warnings of workers that a chunk had work and no job. A later sweep makes the missing job, so a test would pass in spite of
 * such a mistake; `close` therefore fails where there is a warning.
 */
const warningsOfMissingJobs: string[] = []
const logger = pino(
  { level: 'warn' },
  {
    write: (line: string) => {
      if (line.includes('chunks had work and no job')) warningsOfMissingJobs.push(line)
      if (process.env.LOG_LEVEL !== undefined) process.stderr.write(line)
    },
  },
)

/** Rollcall's activation without HTTP: a database, its jobs, and as many workers as a test starts. */
export interface Activation {
  deps: ActivationDeps
  boss: PgBoss
  /** Starts a worker that sends over `smtpUrl`. */
  work(smtpUrl: string): Promise<Worker>
  addLeads(count: number): Promise<string[]>
  start(selection: Selection, options?: SessionOptions): Promise<Progress>
  progress(sessionId: string): Promise<Progress>
  /** Waits until `wanted` is true of the session's progress, and returns that progress. Fails with the last one after 20 s. */
  until(sessionId: string, wanted: (progress: Progress) => boolean): Promise<Progress>
  close(): Promise<void>
}

/** Opens the jobs and the use cases of activation on a test database. Its `close` fails where a chunk had work and no job. */
export async function createActivation(test: TestDatabase): Promise<Activation> {
  const onError = () => undefined
  const boss = await openBoss({ databaseUrl: test.url, runsJobs: true, onError })
  const workers: Worker[] = []
  const deps: ActivationDeps = { database: test.database, boss, now: () => new Date(), publish: () => undefined }
  const progress = (sessionId: string) => latestProgress(test.database, sessionId)
  return {
    deps,
    boss,
    async work(smtpUrl) {
      const parsed = parseSmtpUrl(smtpUrl)
      if (!parsed.ok) throw new Error(parsed.problem)
      const sender = createSmtpSender({ settings: parsed.settings, logger })
      const worker = await startWorker({
        databaseUrl: test.url,
        deps,
        boss,
        sender,
        mailServer: `${parsed.settings.host}:${parsed.settings.port}`,
        secret: workerSecret,
        logger,
      })
      workers.push(worker)
      return worker
    },
    addLeads: (count) => addLeads(test, count),
    start: async (selection, options) => {
      const { progress: first } = await startSession(deps, { selection, options }, { actor, template })
      return first
    },
    progress,
    until: (sessionId, wanted) => until(() => progress(sessionId), wanted),
    async close() {
      for (const worker of workers) await worker.stop()
      await boss.stop({ graceful: false })
      if (warningsOfMissingJobs.length > 0)
        throw new Error(`Chunks had work and no job: ${warningsOfMissingJobs.splice(0).join('')}`)
    },
  }
}

/** Stores leads whose addresses no other lead has, and returns their ids. */
export async function addLeads(test: Pick<TestDatabase, 'database'>, count: number): Promise<string[]> {
  const tag = randomBytes(4).toString('hex')
  const rows = await rowsOf<{ id: string }>(
    test.database,
    sql`INSERT INTO leads (email, email_key, first_name, last_name, company)
      SELECT 'Person.' || n || '@' || ${tag}::text || '.example', 'person.' || n || '@' || ${tag}::text || '.example', 'First' || n, 'Last' || n, 'Company'
      FROM generate_series(1, ${count}::int) AS n RETURNING id`,
  )
  return rows.map((row) => row.id)
}

/** Asks again and again until `wanted` is true of the answer. Fails with the last answer after `patience` milliseconds. */
export async function until<Answer>(
  ask: () => Promise<Answer>,
  wanted: (answer: Answer) => boolean,
  patience = 20_000,
): Promise<Answer> {
  const end = performance.now() + patience
  for (;;) {
    const answer = await ask()
    if (wanted(answer)) return answer
    if (performance.now() > end)
      throw new Error(`Not reached in time; the last answer was ${JSON.stringify(answer, null, 1)}`)
    await wait(20)
  }
}

/** Counts the items of a session in the shape of a progress, whose counters must equal this result at any time. */
export async function recounted(
  test: Pick<TestDatabase, 'database'>,
  sessionId: string,
): Promise<Pick<Progress, 'accounts' | 'mails' | 'total'>> {
  const { accounts, mails, total } = await recount(test.database, sessionId)
  const { sending, ...counted } = mails
  return { accounts, mails: { ...counted, pending: counted.pending + sending }, total }
}

/** Makes the id of a new session in the way in which the web app does. */
export function newSessionId(): string {
  return `activation_${Date.now()}_${randomUUID().replaceAll('-', '').slice(0, 12)}`
}
