import { sql, type SQL } from 'drizzle-orm'
import { rowsOf, type Database, type Queryable } from './database.ts'

/** How many rows a list has in all; where counting would take too long, about how many. */
export interface Total {
  total: number
  totalIsExact: boolean
}

/** Milliseconds that a list waits for the total of very many rows; a page is worth more than the number under it. */
const patience = 50
/** What PostgreSQL expects to cost less is counted to the end, also on a busy machine: some hundred thousand rows. */
const soonCounted = 20_000

/**
 * How many rows there are, exactly where they can be counted in a moment, else about how many, rounded so that nobody
 * takes it for a count. `matching` is what follows the columns of a SELECT: `FROM … WHERE …`.
 */
export async function totalOf(
  database: Database,
  matching: SQL,
  options: { atLeast: number; milliseconds?: number; soon?: number },
): Promise<Total> {
  const expected = await expectedOf(database, matching)
  if (expected.cost <= (options.soon ?? soonCounted))
    return { total: await countExactly(database, matching), totalIsExact: true }
  const counted = await countWithin(database, matching, options.milliseconds ?? patience)
  if (counted !== null) return { total: counted, totalIsExact: true }
  return { total: Math.max(options.atLeast, rounded(expected.rows)), totalIsExact: false }
}

/** How many rows there are, exactly, however long it takes. */
export async function countExactly(database: Queryable, matching: SQL): Promise<number> {
  const [row] = await rowsOf<{ total: number }>(database, sql`SELECT count(*)::int AS total ${matching}`)
  return row?.total ?? 0
}

/** Null where counting takes longer: PostgreSQL is told to stop, so that nothing goes on behind an answer that was given. */
async function countWithin(database: Database, matching: SQL, milliseconds: number): Promise<number | null> {
  try {
    return await database.transaction(async (transaction) => {
      await transaction.execute(sql`SELECT set_config('statement_timeout', ${String(milliseconds)}, true)`)
      return countExactly(transaction, matching)
    })
  } catch (error) {
    if (wasTooLong(error)) return null
    throw error
  }
}

function wasTooLong(error: unknown): boolean {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  return (cause as { code?: string } | null)?.code === '57014'
}

/** What PostgreSQL expects from its statistics, which it draws from a sample of the rows. */
async function expectedOf(database: Queryable, matching: SQL): Promise<{ rows: number; cost: number }> {
  const [row] = await rowsOf<{ 'QUERY PLAN': [{ Plan: { 'Plan Rows': number; 'Total Cost': number } }] }>(
    database,
    sql`EXPLAIN (FORMAT JSON) SELECT 1 ${matching}`,
  )
  const plan = row?.['QUERY PLAN'][0].Plan
  return { rows: plan?.['Plan Rows'] ?? 0, cost: plan?.['Total Cost'] ?? 0 }
}

/** To two digits: 469,054 becomes 470,000. */
function rounded(count: number): number {
  return Number(count.toPrecision(2))
}
