import { sql, type SQL } from 'drizzle-orm'
import { PgDialect } from 'drizzle-orm/pg-core'
import { rowsOf, type Database, type Queryable } from '../src/db/database.ts'

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
 * Stands in for a database: every statement is planned, told to `plans`, and then run. What the plan is depends on the
 * rows that are there and on what ANALYZE knows of them.
 */
export function explaining(database: Database, plans: Plan[]): Database {
  const queryable: Pick<Queryable, 'execute'> = {
    execute: (async (query: SQL) => {
      const statement = dialect.sqlToQuery(query).sql
      if (/^\s*(SELECT|WITH|UPDATE|DELETE|INSERT)/i.test(statement)) {
        const rows = await rowsOf<{ 'QUERY PLAN': string }>(database, sql`EXPLAIN ${query}`)
        const text = rows.map((row) => row['QUERY PLAN']).join('\n')
        const scanned = [...text.matchAll(/Seq Scan on (\w+)/g)].map((match) => match[1] ?? '')
        plans.push({ statement, text, readsAllOf: scanned.filter((table) => large.includes(table)) })
      }
      return database.execute(query)
    }) as Queryable['execute'],
  }
  const stand = queryable as Database
  stand.transaction = (run) => run(stand as never)
  return stand
}
