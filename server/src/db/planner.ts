import { sql, type SQL } from 'drizzle-orm'

/**
 * Tricks that keep PostgreSQL's planner from a plan that is slow where its estimates are wrong. None of them changes which
 * rows a statement gives. They were measured on PostgreSQL 18.4, on a million leads and ten million items; with another
 * version, measure again (`npm run bench:scale`) before one is removed.
 *
 * A common table expression that must be evaluated by itself says `AS MATERIALIZED`, which needs no name here.
 */

/** At the end of a subquery: the planner does not merge it with the statement around it, so its joins and its order stay as written. */
export function optimizationFence(): SQL {
  return sql`OFFSET 0`
}

/** The same condition in a form that matches no index: rows that were found by other means are only checked against it. */
export function withoutIndex(condition: SQL): SQL {
  return sql`(${condition}) IS TRUE`
}

/**
 * A range in a form that an index can serve only as a bitmap, to be intersected with the bitmap of another index, and not
 * as the one index by which every row of the range is read. `oneOfRange` must be a condition for a value inside the range.
 */
export function bitmapOnly(range: SQL, oneOfRange: SQL): SQL {
  return sql`(${range} OR ${oneOfRange})`
}

/** A condition that is always true and needs all rows of this common table expression, whose locks are therefore taken before the row is. */
export function afterAllOf(expression: string): SQL {
  return sql`(SELECT count(*) FROM ${sql.raw(expression)}) >= 0`
}

/**
 * Exactly the rows of `table` whose `ctid`s `select` gives, fetched by their physical address in that order. Only for a
 * statement that reads and writes in one snapshot: an address is not an identity for any longer.
 */
export function byRowAddress(table: string, select: SQL): SQL {
  return sql`${sql.raw(table)}.ctid = ANY(ARRAY(${select}))`
}
