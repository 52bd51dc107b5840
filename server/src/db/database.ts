import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import { Pool } from 'pg'

/** Drizzle, which is not told the tables: only its relational queries want them, which nothing here uses. */
export type Database = NodePgDatabase
/** A transaction of `Database`; what takes a Database takes this too. */
export type Transaction = Parameters<Parameters<Database['transaction']>[0]>[0]
export type Queryable = Database | Transaction

/** Milliseconds. A process that froze in the middle of a transaction would keep its locks from everybody else. */
const longestSilenceInTransaction = 5000

/**
 * What PostgreSQL may take for one step of a statement before it writes to disk or forgets which rows of a page it meant. With
 * less, a search among a million leads looks at every row of half the table; few steps ever need as much.
 */
const memoryOfStep = '16MB'

/** Opens a pool. A connection that dies is dropped, told to `onError`, and never ends the process. */
export function openPool(
  url: string,
  options: {
    maximum: number
    onError: (error: Error) => void
    settings?: Record<string, string>
    /** True to send a statement before those ahead of it are answered. */
    pipeline?: boolean
  },
): Pool {
  const settings = {
    timezone: 'UTC',
    idle_in_transaction_session_timeout: longestSilenceInTransaction,
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
  // The pool listens only to idle connections; one that dies in the middle of a transaction would end the process.
  pool.on('connect', (client) => client.on('error', options.onError))
  return pool
}

const drizzleOptions = { casing: 'snake_case' } as const

/** Drizzle over a pool, with transactions that always give their connection back. */
export function openDatabase(pool: Pool): Database {
  const database: Database = drizzle(pool, drizzleOptions)
  database.transaction = (run) => inTransaction(pool, run)
  return database
}

/**
 * A pool for statements that find every row by its key, however large the tables are and whatever is known of them: such
 * a statement is planned once for all values, so its plan must be one that never reads a whole table.
 *
 * Prepared statements (prepared.ts) that are called one after another on a connection are sent together, and answered in
 * that order: a chunk waits for its database five times instead of fourteen.
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
    // Waited for: what is sent behind a BEGIN that fails would count at once, each statement for itself.
    await client.query('BEGIN')
    const result = await run(drizzle(client, drizzleOptions) as unknown as Transaction)
    const { command } = await client.query('COMMIT')
    // PostgreSQL undoes a transaction in which a statement has failed, and says so here alone.
    if (command !== 'COMMIT') throw new Error('A transaction was undone although nobody heard of a failure.')
    return result
  } catch (error) {
    await client.query('ROLLBACK').catch((failure: Error) => (broken = failure))
    throw error
  } finally {
    client.release(broken)
  }
}

/** The rows of a statement written in SQL; `Row` is what the statement selects. */
export async function rowsOf<Row extends Record<string, unknown>>(
  database: Queryable,
  query: Parameters<Database['execute']>[0],
): Promise<Row[]> {
  const result = await database.execute<Row>(query)
  return result.rows as unknown as Row[]
}
