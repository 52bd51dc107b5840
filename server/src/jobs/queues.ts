import { sql } from 'drizzle-orm'
import { fromDrizzle, PgBoss } from 'pg-boss'
import type { Transaction } from '../db/database.ts'
import { jobSchema } from '../vendor/pg-boss.ts'

/**
 * The queues. A job is only a wake-up: what is to be done, and by whom, stands in the rows it names, so a job that runs
 * twice, late or for nothing does no harm.
 */
export const queues = {
  /** Creates the accounts of a chunk. */
  accounts: 'activation-accounts',
  /** Sends the mails of a chunk. */
  mails: 'activation-mails',
  /** Starts a scheduled session. */
  due: 'activation-due',
  /** Cancels what is pending in a chunk of a cancelled session. */
  cancel: 'activation-cancel',
} as const
export type QueueName = keyof typeof queues

export interface ChunkJob {
  sessionId: string
  chunk: number
}

const queueOptions = {
  /** This is longer than any chunk can take. A process that dies is noticed by its missing heartbeats, not by this limit. */
  expireInSeconds: 23 * 3600,
  heartbeatSeconds: 10,
  // A job fails where its process cannot work for a moment, so it is tried again by this process or another one.
  retryLimit: 1000,
  retryDelay: 1,
  retryBackoff: true,
  retryDelayMax: 4,
  retentionSeconds: 30 * 24 * 3600,
  deleteAfterSeconds: 3600,
  /** New jobs wake the workers; polling is the backstop. */
  notify: true,
}

/** Migrates the tables of pg-boss and creates or updates the queues. Two processes must not run it at the same time. */
export async function migrateQueues(url: string): Promise<void> {
  const boss = new PgBoss({ connectionString: url, schema: jobSchema, supervise: false, schedule: false, max: 2 })
  boss.on('error', () => undefined)
  await boss.start()
  await createQueues(boss)
  await boss.stop({ graceful: false })
}

/** Creates the queues that do not exist yet, and gives the others the options above. */
async function createQueues(boss: PgBoss): Promise<void> {
  for (const name of Object.values(queues)) {
    await boss.createQueue(name, queueOptions)
    await boss.updateQueue(name, queueOptions)
  }
}

/** Puts jobs into a queue within a transaction: the jobs exist if and only if the transaction commits. */
export async function enqueue(
  boss: PgBoss,
  transaction: Transaction,
  queue: QueueName,
  jobs: { data: ChunkJob | { sessionId: string }; startAfter?: Date | null; priority?: number }[],
): Promise<void> {
  if (jobs.length === 0) return
  await boss.insert(
    queues[queue],
    jobs.map(({ data, startAfter, priority }) => ({
      data,
      priority: priority ?? 0,
      ...(startAfter ? { startAfter } : {}),
    })),
    { db: fromDrizzle(transaction, sql) },
  )
}

interface Job {
  data: ChunkJob
}

/**
 * Works on `atOnce` jobs of a queue at the same time, and looks for the next job as soon as one is done. A job whose handler
 * throws is tried again, after a delay that grows with each attempt.
 */
export async function work(
  boss: PgBoss,
  queue: QueueName,
  options: { atOnce: number; onError: (error: unknown, job: Job) => void },
  handler: (data: ChunkJob) => Promise<void>,
): Promise<void> {
  const settings = { localConcurrency: 1, pollingIntervalSeconds: 1, notifyPollingIntervalSeconds: 1 }
  // Each job at the same time has a worker of its own, because pg-boss wakes only the first of several workers that share an id.
  for (let each = 0; each < options.atOnce; each += 1) {
    const worker: string = await boss.work<ChunkJob>(queues[queue], settings, async ([job]) => {
      if (job === undefined) return
      try {
        await handler(job.data)
      } catch (error) {
        options.onError(error, job)
        throw error
      } finally {
        boss.notifyWorker(worker)
      }
    })
  }
}

/** Opens pg-boss. `runsJobs` is false where jobs are only put into queues. */
export async function openBoss(options: {
  databaseUrl: string
  runsJobs: boolean
  onError: (error: Error) => void
}): Promise<PgBoss> {
  const { runsJobs } = options
  const boss = new PgBoss({
    connectionString: options.databaseUrl,
    schema: jobSchema,
    application_name: 'rollcall jobs',
    max: 5,
    migrate: false,
    schedule: false,
    supervise: runsJobs,
    superviseIntervalSeconds: 5,
    monitorIntervalSeconds: 5,
    useListenNotify: runsJobs,
  })
  boss.on('error', options.onError)
  await boss.start()
  return boss
}
