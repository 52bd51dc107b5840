import { sql, type SQL } from 'drizzle-orm'
import { rowsOf, type Database, type Queryable } from './database.ts'

/** How many rows a list has in all; where counting would take too long, about how many. */
export interface Total {
  total: number
  totalIsExact: boolean
}

/** What PostgreSQL expects to cost so much is counted in some 50 milliseconds; a page is worth more than the number under it. */
const soonCounted = 20_000

/**
 * How many rows there are, exactly where they can be counted in a moment, else about how many, rounded so that nobody
 * takes it for a count. `matching` is what follows the columns of a SELECT: `FROM … WHERE …`.
 */
export async function totalOf(database: Database, matching: SQL, atLeast: number): Promise<Total> {
  const expected = await expectedOf(database, matching)
  if (expected.cost <= soonCounted) return { total: await countExactly(database, matching), totalIsExact: true }
  return about(expected.rows, atLeast)
}

/** A total that is no count, to two digits: 469,054 becomes 470,000. */
export function about(expected: number, atLeast: number): Total {
  return { total: Math.max(atLeast, Number(expected.toPrecision(2))), totalIsExact: false }
}

/** How many rows there are, exactly, however long it takes. */
export async function countExactly(database: Queryable, matching: SQL): Promise<number> {
  const [row] = await rowsOf<{ total: number }>(database, sql`SELECT count(*)::int AS total ${matching}`)
  return row?.total ?? 0
}

/** What PostgreSQL expects from its statistics, which it draws from a sample of the rows. */
export async function expectedOf(database: Queryable, matching: SQL): Promise<{ rows: number; cost: number }> {
  const [row] = await rowsOf<{ 'QUERY PLAN': [{ Plan: { 'Plan Rows': number; 'Total Cost': number } }] }>(
    database,
    sql`EXPLAIN (FORMAT JSON) SELECT 1 ${matching}`,
  )
  const plan = row?.['QUERY PLAN'][0].Plan
  return { rows: plan?.['Plan Rows'] ?? 0, cost: plan?.['Total Cost'] ?? 0 }
}
