import { rm } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { pino } from 'pino'
import { canTransition, type Progress } from '@rollcall/shared'
import { makeFolder } from '../process/folder.ts'
import { latestProgress } from '../../src/activation/history/progress.usecases.ts'
import type { ActivationDeps } from '../../src/activation/session/activation-deps.ts'
import { runCommand } from '../../src/activation/commands/commands.usecases.ts'
import { startSession } from '../../src/activation/starting/start.usecases.ts'
import { openDatabase, openPool } from '../../src/db/database.ts'
import { startEmbeddedPostgres } from '../../src/db/embedded.ts'
import { migrateDatabase } from '../../src/migrate-database.ts'
import { openBoss } from '../../src/jobs/queues.ts'
import { runWaitingJobsNow, unfinishedJobs } from '../../src/vendor/pg-boss.ts'
import { actor, addLeads, template } from '../app/activation.ts'
import { startScriptedSmtpServer, type SmtpReply } from '../smtp/scripted-smtp-server.ts'
import { randomOf } from './random.ts'
import { addressOf, reportOf, type TortureReport } from './report.ts'
import { createTakeoverTimes } from './takeover-times.ts'
import { workerProcess, type WorkerProcess } from '../process/worker-process.ts'

export interface TortureOptions {
  minutes: number
  seed: number
  /** Leads of each session. */
  leads: number
  say: (line: string) => void
}

const connections = 8

/**
 * Runs sessions on two worker processes while killing and freezing them, restarting PostgreSQL and the mail server, and
 * losing answers; then lets everything end and compares the invariants with items, accounts and the mails that the mail
 * server has.
 */
export async function torture(options: TortureOptions): Promise<TortureReport> {
  const { say } = options
  const random = randomOf(options.seed)
  const folder = await makeFolder('rollcall-torture-')
  const logger = pino({ level: 'silent' })
  const postgres = await startEmbeddedPostgres({ dataDirectory: folder, logger })
  await migrateDatabase(postgres.url)
  const pool = openPool(postgres.url, { maximum: 10, onError: () => undefined })
  const database = openDatabase(pool)
  const smtp = await startScriptedSmtpServer()
  const boss = await openBoss({ databaseUrl: postgres.url, runsJobs: false, onError: () => undefined })
  const deps: ActivationDeps = { database, boss, now: () => new Date(), publish: () => undefined }
  const environment = {
    DATABASE_URL: postgres.url,
    SMTP_URL: `${smtp.url}?connections=${connections}&ignoreTLS=true`,
    SECRET: 'torture '.repeat(5),
    DATA_DIR: folder,
  }
  const workers = [1, 2].map((number) => workerProcess(environment, path.join(folder, `worker-${number}.log`)))
  const disturbances = { kills: 0, freezes: 0, databaseRestarts: 0, mailServerRestarts: 0, sessionCommands: 0 }
  let lostAnswers = 0
  const takeovers = createTakeoverTimes()
  let faults = true
  let ended = false

  smtp.script = (command, { to }): SmtpReply | undefined => {
    if (command === 'DOT') takeovers.mailArrived(addressOf(to))
    if (!faults) return undefined
    if (command === 'RCPT' && random.chance(0.003)) return { drop: 'rst' }
    if (command === 'RCPT' && random.chance(0.003)) return '451 4.3.0 try again later'
    if (command === 'RCPT' && random.chance(0.003)) return '550 5.1.1 no such user'
    if (command === 'DOT' && random.chance(0.002)) {
      lostAnswers += 1
      return { drop: 'rst' }
    }
    return command === 'DOT' ? { delay: random.between(1, 12) } : undefined
  }

  /** Asks again and again while the database is away. */
  async function asked<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    for (let tries = 0; ; tries += 1) {
      try {
        return await ask()
      } catch (error) {
        if (tries > 300) throw error
        await wait(100)
      }
    }
  }

  /** Reads the addresses of the mails that are pending in the chunks that a process has claimed. */
  async function pendingOf(worker: WorkerProcess): Promise<string[]> {
    const { rows } = await asked(() =>
      pool.query<{ email: string }>(
        `SELECT lower(items.email) AS email FROM nodes JOIN chunks ON chunks.owner = nodes.id
         JOIN items ON items.session_id = chunks.session_id AND items.chunk = chunks.number
         JOIN sessions ON sessions.id = chunks.session_id AND sessions.status = 'running'
         WHERE nodes.name LIKE '% ' || $1 AND chunks.accounts_done AND items.mail_state = 'pending' AND items.next_try_at IS NULL`,
        [String(worker.pid)],
      ),
    )
    return rows.map((row) => row.email)
  }

  async function killOne(worker: WorkerProcess): Promise<void> {
    const other = workers.find((each) => each !== worker)
    const pending = await pendingOf(worker)
    await worker.kill()
    disturbances.kills += 1
    if (other?.running === true) takeovers.begin(pending)
    await wait(random.between(0, 2500))
    await asked(() => worker.start())
  }

  async function killPostmaster(): Promise<void> {
    const { rows } = await asked(() =>
      pool.query<{ pid: string }>(`SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1) AS pid`),
    )
    takeovers.dropUnfinished()
    process.kill(Number(rows[0]?.pid), random.chance(0.5) ? 'SIGKILL' : 'SIGQUIT')
    disturbances.databaseRestarts += 1
    await wait(3000)
  }

  async function restartMailServer(): Promise<void> {
    takeovers.dropUnfinished()
    lostAnswers += smtp.openConnections
    await smtp.stop()
    disturbances.mailServerRestarts += 1
    await wait(random.between(200, 1500))
    await smtp.start()
  }

  async function runSomeCommand(running: string[]): Promise<void> {
    const sessionId = random.pick(running)
    takeovers.dropUnfinished()
    await runCommand(deps, 'pause', sessionId, actor).catch(() => undefined)
    await wait(random.between(0, 800))
    await resume(sessionId)
    disturbances.sessionCommands += 1
  }

  async function resume(sessionId: string): Promise<void> {
    const { status } = await asked(() => latestProgress(database, sessionId))
    if (canTransition('resume', status)) await runCommand(deps, 'resume', sessionId, actor).catch(() => undefined)
  }

  async function disturb(running: string[]): Promise<void> {
    const what = random.next()
    if (what < 0.5) await killOne(random.pick(workers))
    else if (what < 0.62) {
      disturbances.freezes += 1
      const frozen = random.pick(workers)
      await frozen.freeze(random.between(5500, 8000))
    } else if (what < 0.72) await killPostmaster()
    else if (what < 0.85) await restartMailServer()
    else await runSomeCommand(running)
  }

  const sessions: string[] = []
  const running = async (): Promise<string[]> => {
    const all: Progress[] = []
    for (const id of sessions) all.push(await asked(() => latestProgress(database, id)))
    return all.filter(({ completed }) => !completed).map(({ sessionId }) => sessionId)
  }

  try {
    say(`seed ${options.seed}, ${options.minutes} min, sessions of ${options.leads} leads, logs in ${folder}`)
    for (const worker of workers) await worker.start()
    const end = performance.now() + options.minutes * 60_000
    while (performance.now() < end) {
      while ((await running()).length < 2) {
        const ids = await asked(() => addLeads({ database }, options.leads))
        const started = await asked(() => startSession(deps, { selection: { ids } }, { actor, template }))
        sessions.push(started.progress.sessionId)
      }
      const now = await running()
      for (const id of now) await resume(id)
      await wait(random.between(300, 1500))
      if (now.length > 0) await disturb(now)
    }
    faults = false
    say(`letting ${(await running()).length} sessions end`)
    await letEnd()
    ended = true
    return await reportOf(
      { pool, database },
      {
        seed: options.seed,
        sessions,
        leadsOfEach: options.leads,
        received: smtp.mails,
        disturbances,
        unconfirmedAtMost: (disturbances.kills + disturbances.freezes) * connections + lostAnswers,
        takeover: takeovers.summary(),
      },
    )
  } finally {
    for (const worker of workers) await worker.kill()
    await boss.stop({ graceful: false })
    await pool.end()
    await smtp.stop()
    await postgres.stop()
    if (ended) await rm(folder, { recursive: true, force: true })
  }

  async function letEnd(): Promise<void> {
    const patience = performance.now() + 60_000
    for (let left = await running(); left.length > 0; left = await running()) {
      if (performance.now() > patience) throw new Error(`These sessions do not end:\n${await whatIsLeft()}`)
      for (const id of left) await resume(id)
      // What waits for its next try is tried now: in the items, and in the jobs that would look at them then.
      await asked(() =>
        pool.query(`UPDATE items SET next_try_at = now() WHERE mail_state = 'pending' AND next_try_at > now()`),
      )
      await asked(() => pool.query(runWaitingJobsNow))
      await wait(250)
    }
  }

  /** What a developer needs to see of sessions that do not end. */
  async function whatIsLeft(): Promise<string> {
    const tables = [
      `SELECT id, status, reason, accounts_pending, mails_pending FROM sessions WHERE status NOT IN ('completed', 'cancelled')`,
      `SELECT chunk.*, node.name, node.dead_at, now() - node.beat_at AS beat FROM chunks chunk LEFT JOIN nodes node ON node.id = chunk.owner
       WHERE NOT (accounts_done AND mails_done)`,
      `SELECT session_id, chunk, account_state, mail_state, mail_reason, count(*), min(next_try_at) FROM items
       WHERE account_state = 'pending' OR mail_state IN ('pending', 'sending') GROUP BY 1, 2, 3, 4, 5`,
      unfinishedJobs,
    ]
    const rows = await Promise.all(tables.map(async (statement) => (await pool.query(statement)).rows))
    return rows.map((each) => each.map((row) => JSON.stringify(row)).join('\n')).join('\n\n')
  }
}
