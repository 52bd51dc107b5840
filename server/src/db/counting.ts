import { sql, type SQL } from 'drizzle-orm'
import { rowsOf, type Database, type Queryable } from './database.ts'

/** The number of all rows of a list; an estimate where counting would take too long. */
export interface Total {
  total: number
  totalIsExact: boolean
}

/** The highest cost, in PostgreSQL's units, of a count that is made: it takes about 50 ms. A page must not wait longer for its total. */
const soonCounted = 20_000

/**
 * Returns the number of rows: exactly where counting is quick, else an estimate that is rounded so that nobody takes it for a
 * count. `matching` is the part of a SELECT after its columns: `FROM … WHERE …`.
 */
export async function totalOf(database: Database, matching: SQL, atLeast: number): Promise<Total> {
  const expected = await expectedOf(database, matching)
  if (expected.cost <= soonCounted) return { total: await countExactly(database, matching), totalIsExact: true }
  return about(expected.rows, atLeast)
}

/** Makes a total of an estimate, rounded to two digits: 469,054 becomes 470,000. */
export function about(expected: number, atLeast: number): Total {
  return { total: Math.max(atLeast, Number(expected.toPrecision(2))), totalIsExact: false }
}

/** Counts the rows exactly, however long it takes. */
export async function countExactly(database: Queryable, matching: SQL): Promise<number> {
  const [row] = await rowsOf<{ total: number }>(database, sql`SELECT count(*)::int AS total ${matching}`)
  return row?.total ?? 0
}

/** Returns PostgreSQL's estimates of rows and cost, which come from statistics over a sample of the rows. */
export async function expectedOf(database: Queryable, matching: SQL): Promise<{ rows: number; cost: number }> {
  const [row] = await rowsOf<{ 'QUERY PLAN': [{ Plan: { 'Plan Rows': number; 'Total Cost': number } }] }>(
    database,
    sql`EXPLAIN (FORMAT JSON) SELECT 1 ${matching}`,
  )
  const plan = row?.['QUERY PLAN'][0].Plan
  return { rows: plan?.['Plan Rows'] ?? 0, cost: plan?.['Total Cost'] ?? 0 }
}
