import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'vitest'
import type { Worker } from '../../src/worker.ts'
import { createActivation, until, workerSecret, type Activation } from '../app/activation.ts'
import { createTestDatabase, type TestDatabase } from '../database/database.ts'
import { recordItemTransitions } from './transitions.ts'
import { workerProcess } from '../process/worker-process.ts'
import { startScriptedSmtpServer, type SmtpScript, type ScriptedSmtpServer } from '../smtp/scripted-smtp-server.ts'

/** Of each worker to the mail server. */
export const connections = 2
/** Milliseconds, also where processes share a core with many others. */
export const patience = 60_000

/** Something that runs activations, which a story may start and end as it likes. */
export interface WorldWorker {
  /** Begins to start; what ends it waits until it has. */
  start(): void
  started(): Promise<void>
  /** Lets it finish what it is in the middle of. */
  stop(): Promise<void>
  /** Kills its process; gives how many mails it had in flight, as far as the database knows. Null where it has none of its own. */
  kill: (() => Promise<number>) | null
}

/** What a session lives in: a database, a mail server with moods, and workers, in this process and in two of their own. */
export interface World {
  readonly test: TestDatabase
  readonly activation: Activation
  readonly smtp: ScriptedSmtpServer
  readonly workers: WorldWorker[]
  /** Answers to mails that the mail server has not given, because of its mood. */
  readonly lostAnswers: number
  /** How often a worker was declared dead that was not. Waits until the database knows which workers run. */
  takenForDead(running: number): Promise<number>
  /** Makes the mail server listen, in this mood; gives 0. Or cuts its connections and stops listening; gives how many were open. */
  mailServer(mood: Mood | 'down'): Promise<number>
  /** Cuts every connection to the database; resolves when it answers again. */
  cutConnections(): Promise<void>
  /** Waits until nobody who was killed has anything under way in the database, while no worker runs. */
  silence(): Promise<void>
  close(): Promise<void>
}

/** Whether an address meets trouble goes by its number. */
const numberOf = (address = '') => Number(/person\.(\d+)@/i.exec(address)?.[1] ?? 0)

const moods = {
  well: (command) => (command === 'DOT' ? { delay: 60 } : undefined),
  slow: (command) => (command === 'DOT' ? { delay: 200 } : undefined),
  picky: (command, { line }) => (command === 'RCPT' && numberOf(line) % 3 === 0 ? '550 5.1.1 No such user' : undefined),
  'losing answers': (command, { to }) => (command === 'DOT' && numberOf(to[0]) % 4 === 0 ? { drop: 'rst' } : undefined),
  busy: (command, { line }) => (command === 'RCPT' && numberOf(line) % 2 === 0 ? '451 4.3.0 Later' : undefined),
  quick: () => undefined,
} satisfies Record<string, SmtpScript>
/** How the mail server treats everybody. */
export type Mood = keyof typeof moods

/** Everything runs but the workers. */
export async function createWorld(): Promise<World> {
  const test = await createTestDatabase()
  await recordItemTransitions(test)
  const activation = await createActivation(test)
  const smtp = await startScriptedSmtpServer()
  const folder = await mkdtemp(path.join(tmpdir(), 'rollcall-world-'))
  const smtpUrl = `${smtp.url}?connections=${connections}&ignoreTLS=true`
  const environment = { DATABASE_URL: test.url, SMTP_URL: smtpUrl, SECRET: workerSecret, DATA_DIR: folder }
  let starts = 0
  let listening = true
  let lostAnswers = 0

  function counted(worker: WorldWorker): WorldWorker {
    return {
      ...worker,
      start() {
        starts += 1
        worker.start()
      },
    }
  }

  const logs = ['first.log', 'second.log'].map((name) => path.join(folder, name))
  const elsewhere = logs.map((log) => workerElsewhere(test, environment, log))
  const workers = [workerHere(activation, smtpUrl), ...elsewhere].map(counted)

  /** A chunk without a job is a mistake that only time hides. */
  async function expectNoneStranded(): Promise<void> {
    const lines = (await Promise.all(logs.map((log) => readFile(log, 'utf8')))).join('').split('\n')
    expect(lines.filter((line) => line.includes('chunks had work and no job'))).toEqual([])
  }

  return {
    test,
    activation,
    smtp,
    workers,
    get lostAnswers() {
      return lostAnswers
    },
    async takenForDead(running) {
      await Promise.all(workers.map((worker) => worker.started()))
      const { nodes } = await until(
        async () => {
          const { rows } = await test.pool.query<{ nodes: number; living: number }>(
            `SELECT count(*)::int AS nodes, (count(*) FILTER (WHERE dead_at IS NULL))::int AS living FROM nodes`,
          )
          return rows[0]!
        },
        ({ living }) => living === running,
        patience,
      )
      return nodes - starts
    },
    async mailServer(mood) {
      if (mood === 'down') {
        const open = smtp.openConnections
        if (listening) await smtp.stop()
        listening = false
        return open
      }
      smtp.script = (command, context) => {
        const reply = (moods[mood] as SmtpScript)(command, context)
        if (typeof reply === 'object' && 'drop' in reply) lostAnswers += 1
        return reply
      }
      if (!listening) await smtp.start()
      listening = true
      return 0
    },
    async cutConnections() {
      // A process that is just starting would end for want of a database.
      await Promise.all(workers.map((worker) => worker.started()))
      const cut = `SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`
      await test.pool.query(cut)
      await until(
        () => Promise.allSettled(Array.from({ length: 10 }, () => test.pool.query('SELECT 1'))),
        (answers) => answers.every(({ status }) => status === 'fulfilled'),
        patience,
      )
    },
    async silence() {
      const ours = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'rollcall'`
      await until(
        async () => ((await test.pool.query(ours)).rowCount ?? 0) - test.pool.totalCount,
        (ofOthers) => ofOthers <= 0,
        patience,
      )
    },
    async close() {
      for (const worker of workers) await worker.kill?.()
      await expectNoneStranded()
      await activation.close()
      if (listening) await smtp.stop()
      await test.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function workerHere(activation: Activation, smtpUrl: string): WorldWorker {
  let starting: Promise<Worker> | null = null
  return {
    start() {
      starting = activation.work(smtpUrl)
      starting.catch(() => undefined)
    },
    async started() {
      await starting
    },
    async stop() {
      await (await starting)?.stop()
      starting = null
    },
    kill: null,
  }
}

function workerElsewhere(test: TestDatabase, environment: Record<string, string>, logFile: string): WorldWorker {
  const worker = workerProcess(environment, logFile)
  let starting: Promise<void> = Promise.resolve()
  const inFlight = async (pid: number) => {
    const { rows } = await test.pool.query(
      `SELECT 1 FROM nodes JOIN chunks ON chunks.owner = nodes.id
       JOIN items ON items.session_id = chunks.session_id AND items.chunk = chunks.number
       WHERE nodes.name LIKE '% ' || $1 AND items.mail_state = 'sending'`,
      [String(pid)],
    )
    return rows.length
  }
  return {
    start() {
      starting = worker.start()
      starting.catch(() => undefined)
    },
    started: () => starting,
    async stop() {
      await starting
      expect(await worker.end()).toBe(0)
    },
    async kill() {
      await starting.catch(() => undefined)
      if (!worker.running) return 0
      const { pid } = worker
      const end = performance.now() + 1000
      // In the middle of its mails, where it has any.
      await until(
        () => inFlight(pid),
        (mails) => mails > 0 || performance.now() > end,
      )
      await worker.kill()
      return inFlight(pid)
    },
  }
}
