import { rm } from 'node:fs/promises'
import { pino } from 'pino'
import { createApp, createWorkerApp } from './app.ts'
import { createLiveProgress } from './activation/history/live-progress.usecases.ts'
import type { SessionTemplate } from './activation/session/template.ts'
import { ConfigError, smtpSettings, type Config } from './config.ts'
import { prepareDataDirectory, storedSecret } from './data-directory.ts'
import { openDatabase, openPool, type Database } from './db/database.ts'
import { startEmbeddedPostgres } from './db/embedded.ts'
import { migrateDatabase } from './migrate-database.ts'
import { ensureWebApp } from './http/web.ts'
import { closeServer } from './http/graceful-shutdown.ts'
import { openBoss } from './jobs/queues.ts'
import { openSpoolFolder } from './leads/import/spool.ts'
import { startMailbox } from './mail/mailbox/mailbox.ts'
import { createSmtpSender } from './mail/smtp/sender.ts'
import { defaultTemplate } from './mail/composing/template.ts'
import { openPostgresBus } from './realtime/bus/bus.postgres.ts'
import { openRedisBus } from './realtime/bus/bus.redis.ts'
import { createRooms } from './realtime/rooms.ts'
import { readSettings } from './settings/settings.usecases.ts'
import { createAuth } from './staff/auth.ts'
import { ensureFirstSuperadmin } from './staff/first-staff.ts'
import { banner } from './banner.ts'
import { startWorker } from './worker.ts'

/** Reads the settings that a session keeps from its start on. */
async function sessionSettings(database: Database): Promise<Pick<SessionTemplate, 'linkLifeDays' | 'failureShare'>> {
  const { linkLifeDays, failureShare } = await readSettings(database)
  return { linkLifeDays, failureShare }
}

/** A running Rollcall. */
export interface Running {
  /** The text that a person sees once everything runs. */
  banner: string
  stop: () => Promise<void>
}

/**
 * Starts everything that the configuration asks for, each part after those that it needs. When a part fails to start, those
 * that run are stopped again in the opposite order. `prepare` runs before any request or job is taken.
 */
export async function start(
  config: Config,
  prepare: (database: Database) => Promise<void> = async () => undefined,
): Promise<Running> {
  const logger = pino({ level: config.logLevel })
  const closing: (() => unknown)[] = []
  const stop = async () => {
    for (const close of closing.toReversed()) await close()
  }
  try {
    prepareDataDirectory(config.dataDirectory)
    const secret = config.secret ?? storedSecret(config.dataDirectory)
    const spoolFolder = await openSpoolFolder(config.dataDirectory)
    closing.push(() => rm(spoolFolder, { recursive: true, force: true }))
    const webFolder = config.mode === 'worker' ? null : await ensureWebApp(logger)
    const embedded =
      config.databaseUrl === null ? await startEmbeddedPostgres({ dataDirectory: config.dataDirectory, logger }) : null
    if (embedded !== null) closing.push(() => embedded.stop())
    const databaseUrl = config.databaseUrl ?? embedded!.url
    await migrateDatabase(databaseUrl).catch((error: unknown) => {
      throw config.databaseUrl === null ? error : unusableDatabase(error)
    })

    const onError = (error: Error) => logger.warn({ err: error }, 'a database connection was lost')
    const pool = openPool(databaseUrl, { maximum: 20, onError })
    closing.push(() => pool.end())
    const database = openDatabase(pool)
    const auth = createAuth({ database, secret, publicUrl: config.publicUrl, logger })
    const firstStaff = await ensureFirstSuperadmin({
      database,
      email: config.adminEmail,
      password: config.adminPassword,
    })

    await prepare(database)

    const mailbox = config.smtp === null ? await startMailbox({ database, logger }) : null
    if (mailbox !== null) closing.push(() => mailbox.close())

    const runsJobs = config.mode !== 'api'
    const boss = await openBoss({ databaseUrl, runsJobs, onError })
    closing.push(() => boss.stop({ graceful: false }))

    const rooms = createRooms({ source: createLiveProgress(database), logger })
    closing.push(() => rooms.close())
    const listener = {
      logger,
      onNotification: (sessionIds: string[], urgent: boolean) => rooms.publish(sessionIds, urgent),
      onMissed: () => rooms.refreshAll(),
    }
    const bus =
      config.redisUrl === null
        ? openPostgresBus({ databaseUrl, ...listener })
        : openRedisBus({ redisUrl: config.redisUrl, ...listener })
    closing.push(() => bus.close())
    const activation = {
      database,
      boss,
      now: () => new Date(),
      publish: (sessionIds: string[], urgent: boolean) => {
        rooms.publish(sessionIds, urgent)
        bus.publish(sessionIds, urgent)
      },
    }

    let disagreeingSessions: (() => number | null) | undefined
    let stopWorker: () => Promise<void> = async () => undefined
    if (runsJobs) {
      const sender = createSmtpSender({ settings: config.smtp ?? smtpSettings(mailbox!.url), logger })
      const mailServer = config.smtp === null ? 'built-in mailbox' : `${config.smtp.host}:${config.smtp.port}`
      const worker = await startWorker({
        databaseUrl,
        deps: activation,
        boss,
        sender,
        mailServer,
        secret,
        logger,
      })
      stopWorker = once(() => worker.stop())
      closing.push(stopWorker)
      disagreeingSessions = worker.disagreeingSessions
    }

    const app =
      config.mode === 'worker'
        ? await createWorkerApp({ logger, pool, disagreeingSessions })
        : await createApp({
            database,
            pool,
            boss,
            auth,
            rooms,
            activation,
            publicUrl: config.publicUrl,
            trustedProxies: config.trustedProxies,
            template: async () => ({
              source: defaultTemplate,
              from: config.mailFrom,
              publicUrl: config.publicUrl,
              ...(await sessionSettings(database)),
            }),
            builtInMailbox: mailbox !== null,
            disagreeingSessions,
            webFolder,
            spoolFolder,
            logger,
          })
    // Both are stopped at the same time, so that neither the mails in flight nor the requests under way wait for the other.
    closing.push(() => Promise.all([stopWorker(), closeServer(app)]))
    await app.listen({ host: config.host, port: config.port })
    return { banner: banner(config, { firstStaff, embedded, mailboxUrl: mailbox?.url ?? null }), stop }
  } catch (error) {
    await stop().catch(() => undefined)
    throw error
  }
}

/** Makes a function that runs once, at its first call. Every call returns the promise of that run. */
function once(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null
  return () => (running ??= run())
}

/** Says in one line why DATABASE_URL cannot be used. Neither the driver nor the server repeats the password in its message. */
function unusableDatabase(error: unknown): ConfigError {
  // Node tries every address of a host name and reports an error for each.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  const reason = (first instanceof Error ? first.message : String(first)).split('\n')[0]?.replace(/[.]$/, '')
  return new ConfigError(`DATABASE_URL leads to no database that can be used: ${reason}.`)
}
