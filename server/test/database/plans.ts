import { sql, type SQL } from 'drizzle-orm'
import type { Pool, QueryConfig } from 'pg'
import { PgDialect } from 'drizzle-orm/pg-core'
import { rowsOf, type Database, type Queryable } from '../../src/db/database.ts'

/** A statement's plan, and whether it reads all of a table. */
export interface Plan {
  statement: string
  text: string
  /** The large tables that it reads from the first row to the last. */
  readsAllOf: string[]
}

const dialect = new PgDialect()
const large = ['leads', 'accounts', 'items', 'sessions', 'chunks', 'snapshots', 'events']

/**
 * Returns a database that explains every statement, adds the plan to `plans`, and then runs the statement. The plan depends on
 * the rows that are stored and on what ANALYZE knows of them.
 */
export function explaining(database: Database, plans: Plan[]): Database {
  const tell = (statement: string, rows: { 'QUERY PLAN': string }[]): void => {
    const text = rows.map((row) => row['QUERY PLAN']).join('\n')
    const scanned = [...text.matchAll(/Seq Scan on (\w+)/g)].map((match) => match[1] ?? '')
    plans.push({ statement, text, readsAllOf: scanned.filter((table) => large.includes(table)) })
  }
  const { $client: pool } = database as unknown as { $client: Pool }
  const queryable = {
    execute: (async (query: SQL) => {
      const statement = dialect.sqlToQuery(query).sql
      if (/^\s*(SELECT|WITH|UPDATE|DELETE|INSERT)/i.test(statement)) {
        tell(statement, await rowsOf<{ 'QUERY PLAN': string }>(database, sql`EXPLAIN ${query}`))
      }
      return database.execute(query)
    }) as Queryable['execute'],
    // Prepared statements are sent to the pool itself.
    $client: {
      query: async (config: QueryConfig) => {
        const { rows } = await pool.query(`EXPLAIN ${config.text}`, config.values)
        tell(config.text, rows)
        return pool.query(config)
      },
    },
  }
  const stand = queryable as unknown as Database
  stand.transaction = (run) => run(stand as never)
  return stand
}
