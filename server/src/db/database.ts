import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import { Pool } from 'pg'
import * as tables from './tables.ts'

export type Tables = typeof tables
export type Database = NodePgDatabase<Tables>
/** A transaction of `Database`; what takes a Database takes this too. */
export type Transaction = Parameters<Parameters<Database['transaction']>[0]>[0]
export type Queryable = Database | Transaction

/** Opens a pool. A connection that dies while idle is dropped, told to `onError`, and never ends the process. */
export function openPool(url: string, options: { maximum: number; onError: (error: Error) => void }): Pool {
  const pool = new Pool({
    connectionString: url,
    max: options.maximum,
    application_name: 'rollcall',
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    options: '-c timezone=UTC',
  })
  pool.on('error', options.onError)
  return pool
}

/** Drizzle over a pool. */
export function openDatabase(pool: Pool): Database {
  return drizzle(pool, { schema: tables, casing: 'snake_case' })
}

/** The rows of a statement written in SQL; `Row` is what the statement selects. */
export async function rowsOf<Row extends Record<string, unknown>>(
  database: Queryable,
  query: Parameters<Database['execute']>[0],
): Promise<Row[]> {
  const result = await database.execute<Row>(query)
  return result.rows as unknown as Row[]
}
