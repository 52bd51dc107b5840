import type { PgBoss } from 'pg-boss'
import { setTimeout as wait } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import { isFinal } from '@rollcall/shared'
import { linkKey } from './accounts/token.ts'
import { createAccountsOfChunk } from './activation/accounts/accounts.job.ts'
import { startCounterAudit } from './activation/maintenance/counter-audit.job.ts'
import { startBreakerProbe } from './activation/holds/breaker-probe.job.ts'
import { cancelChunk } from './activation/commands/cancelled-chunks.usecases.ts'
import { startDueSession } from './activation/starting/due.usecases.ts'
import type { ActivationDeps } from './activation/session/activation-deps.ts'
import { createOutbox } from './activation/chunks/outbox.ts'
import { createDeliveryState } from './activation/delivery/delivery-run.ts'
import { deliverMailsOfChunk } from './activation/delivery/delivery.job.ts'
import { startRetention } from './activation/maintenance/retention.job.ts'
import { reconcile, recoverOrphanedChunks } from './activation/chunks/recovery.usecases.ts'
import type { WorkerContext } from './activation/chunks/worker-context.ts'
import { openDatabase, openWorkerPool } from './db/database.ts'
import { joinCluster } from './jobs/cluster-node.ts'
import { queues, work, type QueueName } from './jobs/queues.ts'
import { startDeadNodeSweeper } from './jobs/dead-node-sweeper.ts'
import { readSettings } from './settings/settings.usecases.ts'
import { createRateLimiter } from './mail/rate-limit/rate-limiter.ts'
import type { SmtpSender } from './mail/smtp/types.ts'

/** Runs activations until it is stopped. */
export interface Worker {
  /** Starts nothing new, waits for the mails in flight (20 s at most), stores their outcomes, and releases everything. */
  stop(): Promise<void>
  /** How many sessions' counters disagree with their items; null while that is not known. */
  disagreeingSessions: () => number | null
}

const stopMilliseconds = 20_000
const storeMilliseconds = 3000

/** Starts every job by name, and the periodic tasks beside them. */
export async function startWorker(options: {
  databaseUrl: string
  deps: ActivationDeps
  boss: PgBoss
  sender: SmtpSender
  /** Names the mail server among all nodes. */
  mailServer: string
  secret: string
  logger: FastifyBaseLogger
  /** Returns a number from 0 to 1. */
  random?: () => number
}): Promise<Worker> {
  const { deps, boss, sender, logger } = options
  let stopping = false
  const deliveryState = createDeliveryState()
  const node = joinCluster({ databaseUrl: options.databaseUrl, logger })
  const workerPool = openWorkerPool(options.databaseUrl, {
    maximum: 10,
    onError: (error) => logger.warn({ err: error }, 'a database connection was lost'),
  })
  const workerDatabase = openDatabase(workerPool)
  const outbox = createOutbox({
    database: workerDatabase,
    now: deps.now,
    logger,
    wait,
    onProgress: (sessionId, { progress }) => {
      if (progress === null) return
      deps.publish([sessionId], progress.status !== progress.status_before)
      if (isFinal(progress.status)) deliveryState.streaks.delete(sessionId)
    },
  })
  const workerContext: WorkerContext = {
    ...deps,
    logger,
    workerDatabase,
    nodeId: () => node.id(),
    linkKey: linkKey(options.secret),
    sender,
    mailServer: options.mailServer,
    rateLimiter: createRateLimiter({ database: deps.database, readRates: () => readSettings(deps.database) }),
    outbox,
    random: options.random ?? Math.random,
    chunksInProgress: new Set(),
    stopping: () => stopping,
  }
  await node.ready
  const sweeper = startDeadNodeSweeper({
    database: deps.database,
    node,
    logger,
    recover: () => recoverOrphanedChunks(deps),
    reconcile: () => reconcile(deps),
  })
  const breakerProbe = startBreakerProbe(workerContext)
  const retention = startRetention(workerContext)
  const counters = startCounterAudit(workerContext)

  const workQueue = (queue: QueueName, atOnce: number, handler: Parameters<typeof work>[3]) =>
    work(
      boss,
      queue,
      {
        atOnce,
        onError: (error, job) => logger.warn({ err: error, queue, job: job.data }, 'job failed and is tried again'),
      },
      handler,
    )
  await workQueue('accounts', 3, (job) => createAccountsOfChunk(workerContext, job))
  await workQueue('mails', 3, (job) => deliverMailsOfChunk(workerContext, deliveryState, job))
  await workQueue('cancel', 1, (job) => cancelChunk(deps, job.sessionId, job.chunk))
  await workQueue('due', 1, (job) => startDueSession(deps, job.sessionId))

  return {
    disagreeingSessions: counters.disagreeing,
    async stop() {
      stopping = true
      // A probe that waits for the mail server ends with the sender, so nobody waits for it.
      void breakerProbe.close()
      const periodicTasksDone = Promise.all([retention.close(), counters.close()])
      const jobsDone = Promise.all(Object.values(queues).map((name) => boss.offWork(name, { wait: true })))
      await Promise.race([jobsDone, wait(stopMilliseconds, undefined, { ref: false })])
      await sender.close(0)
      // The outcomes that the mail server has reported by now are still stored, and the chunks are released.
      await Promise.race([jobsDone, wait(storeMilliseconds, undefined, { ref: false })])
      await periodicTasksDone
      await sweeper.close()
      await node.close()
      if (!workerPool.ending) await workerPool.end()
    },
  }
}
