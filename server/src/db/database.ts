import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import { Pool } from 'pg'

/** Drizzle, which is not told the tables: only its relational queries want them, which nothing here uses. */
export type Database = NodePgDatabase
/** A transaction of `Database`; what takes a Database takes this too. */
export type Transaction = Parameters<Parameters<Database['transaction']>[0]>[0]
export type Queryable = Database | Transaction

/** The longest pause in a transaction, in milliseconds. Without it, a process that freezes in a transaction would hold its locks for ever. */
const longestIdleInTransaction = 5000

/**
 * The memory that PostgreSQL may use for one step of a statement (`work_mem`) before a sort goes to disk or a bitmap knows pages
 * only and no rows. With less, a search among a million leads checks every row of half the table. Few steps need as much.
 */
const memoryOfStep = '16MB'

/** Opens a pool of connections. A connection that dies is dropped and reported to `onError`, and never ends the process. */
export function openPool(
  url: string,
  options: {
    maximum: number
    onError: (error: Error) => void
    settings?: Record<string, string>
    /** True to send a statement before those ahead of it on the same connection are answered. */
    pipeline?: boolean
  },
): Pool {
  const settings = {
    timezone: 'UTC',
    idle_in_transaction_session_timeout: longestIdleInTransaction,
    work_mem: memoryOfStep,
    ...options.settings,
  }
  const pool = new Pool({
    connectionString: url,
    max: options.maximum,
    application_name: 'rollcall',
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    pipeline: options.pipeline ?? false,
    options: Object.entries(settings)
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(' '),
  })
  pool.on('error', options.onError)
  // The pool handles errors of idle connections only. Without a handler, a connection that dies in a transaction would end the process.
  pool.on('connect', (client) => client.on('error', options.onError))
  return pool
}

const drizzleOptions = { casing: 'snake_case' } as const

/** Opens drizzle over a pool, with transactions that always return their connection to it. */
export function openDatabase(pool: Pool): Database {
  const database: Database = drizzle(pool, drizzleOptions)
  database.transaction = (run) => inTransaction(pool, run)
  return database
}

/**
 * Opens the pool for the statements of workers, which find every row by its key, however large the tables are. PostgreSQL plans
 * each of them once for all values (a generic plan), so whatever could read a whole table is turned off for the planner.
 *
 * Prepared statements (prepared.ts) that are called one after another on a connection are sent without waiting, and answered
 * in that order, so that a chunk waits for its database five times instead of fourteen.
 */
export function openWorkerPool(url: string, options: { maximum: number; onError: (error: Error) => void }): Pool {
  return openPool(url, {
    ...options,
    pipeline: true,
    settings: {
      plan_cache_mode: 'force_generic_plan',
      enable_seqscan: 'off',
      enable_bitmapscan: 'off',
      enable_hashjoin: 'off',
      enable_mergejoin: 'off',
    },
  })
}

/**
 * Runs `run` in a transaction; undone when it throws. Stands in for drizzle's own, which keeps a connection for ever when
 * it dies before BEGIN was answered, and hides the first error behind that of the ROLLBACK.
 */
async function inTransaction<Result>(pool: Pool, run: (transaction: Transaction) => Promise<Result>): Promise<Result> {
  const client = await pool.connect()
  let broken: Error | undefined
  try {
    // BEGIN is awaited, because statements that are sent after a BEGIN that fails would each be committed by themselves.
    await client.query('BEGIN')
    const result = await run(drizzle(client, drizzleOptions) as unknown as Transaction)
    const { command } = await client.query('COMMIT')
    // PostgreSQL rolls back a transaction in which a statement has failed, and says so only in its answer to COMMIT.
    if (command !== 'COMMIT') throw new Error('A transaction was undone although nobody heard of a failure.')
    return result
  } catch (error) {
    await client.query('ROLLBACK').catch((failure: Error) => (broken = failure))
    throw error
  } finally {
    client.release(broken)
  }
}

/** Runs a statement and returns its rows; `Row` is what the statement selects. */
export async function rowsOf<Row extends Record<string, unknown>>(
  database: Queryable,
  query: Parameters<Database['execute']>[0],
): Promise<Row[]> {
  const result = await database.execute<Row>(query)
  return result.rows as unknown as Row[]
}
