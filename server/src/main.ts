import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pino } from 'pino'
import { setTimeout as wait } from 'node:timers/promises'
import { createApp, createWorkerApp, openRooms } from './app.ts'
import { ConfigError, readConfig, smtpSettings, type Config } from './config.ts'
import { openDatabase, openPool } from './db/database.ts'
import { startEmbeddedPostgres } from './db/embedded.ts'
import { migrateDatabase } from './db/migrate.ts'
import { ensureWebApp } from './http/web.ts'
import { openBoss } from './jobs/queues.ts'
import { startMailbox } from './mail/mailbox.ts'
import { createSmtpSender } from './mail/smtp.ts'
import { defaultTemplate } from './mail/template.ts'
import { openPostgresBus } from './realtime/bus.ts'
import { createAuth } from './staff/auth.ts'
import { ensureFirstSuperadmin } from './staff/firstStaff.ts'
import { banner } from './banner.ts'
import { startWorker } from './worker.ts'

const linkLifeDays = 7

/** Starts everything that the configuration asks for; gives what ends it again. */
async function start(config: Config): Promise<{ stop: () => Promise<void> }> {
  const logger = pino({ level: config.logLevel })
  const closing: (() => unknown)[] = []
  const stop = async () => {
    for (const close of closing.toReversed()) await close()
  }
  try {
    const spoolFolder = await mkdtemp(path.join(tmpdir(), 'rollcall-uploads-'))
    closing.push(() => rm(spoolFolder, { recursive: true, force: true }))
    const webFolder = config.mode === 'worker' ? null : await ensureWebApp(logger)
    const embedded =
      config.databaseUrl === null ? await startEmbeddedPostgres({ dataDirectory: config.dataDirectory, logger }) : null
    if (embedded !== null) closing.push(() => embedded.stop())
    const databaseUrl = config.databaseUrl ?? embedded!.url
    await migrateDatabase(databaseUrl)

    const onError = (error: Error) => logger.warn({ err: error }, 'a database connection was lost')
    const pool = openPool(databaseUrl, { maximum: 20, onError })
    closing.push(() => pool.end())
    const database = openDatabase(pool)
    const auth = createAuth({ database, secret: config.secret, publicUrl: config.publicUrl, logger })
    const firstStaff = await ensureFirstSuperadmin({
      database,
      email: config.adminEmail,
      password: config.adminPassword,
    })

    const mailbox = config.smtp === null ? await startMailbox({ database, logger }) : null
    if (mailbox !== null) closing.push(() => mailbox.close())

    const runsJobs = config.mode !== 'api'
    const boss = await openBoss({ databaseUrl, runsJobs, onError })
    closing.push(() => boss.stop({ graceful: false }))

    const rooms = openRooms(database, logger)
    const bus = openPostgresBus({
      databaseUrl,
      logger,
      onRing: (sessionIds, urgent) => rooms.ring(sessionIds, urgent),
      onGap: () => rooms.refreshAll(),
    })
    closing.push(() => bus.close())
    const activation = {
      database,
      boss,
      now: () => new Date(),
      ring: (sessionIds: string[], urgent: boolean) => {
        rooms.ring(sessionIds, urgent)
        bus.ring(sessionIds, urgent)
      },
    }

    if (runsJobs) {
      const sender = createSmtpSender({ url: config.smtp ?? smtpSettings(mailbox!.url), logger })
      const worker = await startWorker({ databaseUrl, parts: activation, boss, sender, secret: config.secret, logger })
      closing.push(() => worker.stop())
    }

    const app =
      config.mode === 'worker'
        ? await createWorkerApp({ logger, pool })
        : await createApp({
            database,
            pool,
            boss,
            auth,
            rooms,
            activation,
            publicUrl: config.publicUrl,
            template: async () => ({
              source: defaultTemplate,
              from: config.mailFrom,
              publicUrl: config.publicUrl,
              linkLifeDays,
            }),
            builtInMailbox: mailbox !== null,
            webFolder,
            spoolFolder,
            logger,
          })
    closing.push(
      () => app.close(),
      () => rooms.close(),
    )
    await app.listen({ host: config.host, port: config.port })
    console.log(banner(config, { firstStaff, embedded, mailboxUrl: mailbox?.url ?? null }))
    return { stop }
  } catch (error) {
    await stop().catch(() => undefined)
    throw error
  }
}

/** What a person reads when the start fails: one line where they can mend it, and the stack where only a developer can. */
function explain(error: unknown): string {
  if (error instanceof ConfigError) return error.message
  if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE')
    return 'PORT is in use by another program; choose another one.'
  if (!(error instanceof Error)) return String(error)
  return isMistake(error) ? (error.stack ?? error.message) : error.message
}

/** Errors that JavaScript throws by itself come from our own code, not from what it was given. */
function isMistake(error: Error): boolean {
  return [TypeError, ReferenceError, RangeError, SyntaxError].some((kind) => error instanceof kind)
}

const longestStop = 40_000

try {
  const config = readConfig(process.env)
  const running = await start(config)
  let stopping = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      if (stopping) return
      stopping = true
      const late = wait(longestStop, undefined, { ref: false }).then(() => process.exit(1))
      void Promise.race([running.stop().then(() => process.exit(0)), late]).catch((error: unknown) => {
        console.error(explain(error))
        process.exit(1)
      })
    })
} catch (error) {
  console.error(explain(error))
  process.exit(1)
}
