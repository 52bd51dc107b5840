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

/** The number of connections that each worker opens to the mail server. */
export const connections = 2
/** Milliseconds after which waiting fails; long, because processes may share a core with many others. */
export const timeLimit = 60_000

/** A worker that a scenario may start and end at any time. */
export interface SimulatedWorker {
  /** Begins to start the worker; `stop` and `kill` wait until it has started. */
  start(): void
  started(): Promise<void>
  /** Ends the worker after the work that is in progress. */
  stop(): Promise<void>
  /** Kills the worker's process and returns how many mails it had in flight, as far as the database knows. Null for a worker in this process. */
  kill: (() => Promise<number>) | null
}

/** What a session runs in: a database, a mail server with several modes, one worker in this process and two in processes of their own. */
export interface Simulation {
  readonly test: TestDatabase
  readonly activation: Activation
  readonly smtp: ScriptedSmtpServer
  readonly workers: SimulatedWorker[]
  /** The number of mails to which the mail server gave no answer, because of its mode. */
  readonly lostAnswers: number
  /** Waits until the database knows which workers run, and returns how often a worker was declared dead that was not. */
  wronglyDeclaredDead(running: number): Promise<number>
  /**
   * Makes the mail server listen in this mode and returns 0. `down` cuts its connections, stops it, and returns how many
   * connections were open.
   */
  mailServer(mode: MailServerMode | 'down'): Promise<number>
  /** Cuts every connection to the database; resolves when it answers again. */
  cutConnections(): Promise<void>
  /** Waits until the killed processes have no connection to the database any more, while no worker runs. */
  untilOthersDisconnected(): Promise<void>
  close(): Promise<void>
}

/** Returns the number of a lead's address, which decides whether the mail server makes trouble for it. */
const addressNumber = (address = '') => Number(/person\.(\d+)@/i.exec(address)?.[1] ?? 0)

const modes = {
  healthy: (command) => (command === 'DOT' ? { delay: 60 } : undefined),
  slow: (command) => (command === 'DOT' ? { delay: 200 } : undefined),
  rejecting: (command, { line }) =>
    command === 'RCPT' && addressNumber(line) % 3 === 0 ? '550 5.1.1 No such user' : undefined,
  'losing replies': (command, { to }) =>
    command === 'DOT' && addressNumber(to[0]) % 4 === 0 ? { drop: 'rst' } : undefined,
  deferring: (command, { line }) =>
    command === 'RCPT' && addressNumber(line) % 2 === 0 ? '451 4.3.0 Later' : undefined,
  fast: () => undefined,
} satisfies Record<string, SmtpScript>
/** The modes in which the mail server may treat all mails. */
export type MailServerMode = keyof typeof modes

/** Starts everything but the workers. */
export async function createSimulation(): Promise<Simulation> {
  const test = await createTestDatabase()
  await recordItemTransitions(test)
  const activation = await createActivation(test)
  const smtp = await startScriptedSmtpServer()
  const folder = await mkdtemp(path.join(tmpdir(), 'rollcall-simulation-'))
  const smtpUrl = `${smtp.url}?connections=${connections}&ignoreTLS=true`
  const environment = { DATABASE_URL: test.url, SMTP_URL: smtpUrl, SECRET: workerSecret, DATA_DIR: folder }
  let starts = 0
  let listening = true
  let lostAnswers = 0

  function counted(worker: SimulatedWorker): SimulatedWorker {
    return {
      ...worker,
      start() {
        starts += 1
        worker.start()
      },
    }
  }

  const logs = ['first.log', 'second.log'].map((name) => path.join(folder, name))
  const childProcesses = logs.map((log) => childProcessWorker(test, environment, log))
  const workers = [inProcessWorker(activation, smtpUrl), ...childProcesses].map(counted)

  /** Expects that no chunk had work and no job: reconciling would hide that mistake. */
  async function expectNoChunkWithoutJob(): Promise<void> {
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
    async wronglyDeclaredDead(running) {
      await Promise.all(workers.map((worker) => worker.started()))
      const { nodes } = await until(
        async () => {
          const { rows } = await test.pool.query<{ nodes: number; living: number }>(
            `SELECT count(*)::int AS nodes, (count(*) FILTER (WHERE dead_at IS NULL))::int AS living FROM nodes`,
          )
          return rows[0]!
        },
        ({ living }) => living === running,
        timeLimit,
      )
      return nodes - starts
    },
    async mailServer(mode) {
      if (mode === 'down') {
        const open = smtp.openConnections
        if (listening) await smtp.stop()
        listening = false
        return open
      }
      smtp.script = (command, context) => {
        const reply = (modes[mode] as SmtpScript)(command, context)
        if (typeof reply === 'object' && 'drop' in reply) lostAnswers += 1
        return reply
      }
      if (!listening) await smtp.start()
      listening = true
      return 0
    },
    async cutConnections() {
      // A process that is still starting would end because it has no database.
      await Promise.all(workers.map((worker) => worker.started()))
      const cut = `SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`
      await test.pool.query(cut)
      await until(
        () => Promise.allSettled(Array.from({ length: 10 }, () => test.pool.query('SELECT 1'))),
        (answers) => answers.every(({ status }) => status === 'fulfilled'),
        timeLimit,
      )
    },
    async untilOthersDisconnected() {
      const ours = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'rollcall'`
      await until(
        async () => ((await test.pool.query(ours)).rowCount ?? 0) - test.pool.totalCount,
        (ofOthers) => ofOthers <= 0,
        timeLimit,
      )
    },
    async close() {
      for (const worker of workers) await worker.kill?.()
      await expectNoChunkWithoutJob()
      await activation.close()
      if (listening) await smtp.stop()
      await test.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function inProcessWorker(activation: Activation, smtpUrl: string): SimulatedWorker {
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

function childProcessWorker(test: TestDatabase, environment: Record<string, string>, logFile: string): SimulatedWorker {
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
      // The kill waits for mails in flight, at most for a second.
      await until(
        () => inFlight(pid),
        (mails) => mails > 0 || performance.now() > end,
      )
      await worker.kill()
      return inFlight(pid)
    },
  }
}
