import { sql, type SQL } from 'drizzle-orm'
import { DomainError } from '../errors.ts'
import { isTime } from './time.ts'

/** The key of the last row of a page: the values that the list is ordered by. */
export type Position = (string | number)[]

/** A cursor as it leaves the server: opaque, and good for the list it came from. */
export function cursorOf(position: Position): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url')
}

/** What a value of a position may be, and its type in SQL. */
const kinds = {
  text: { type: 'text', fits: (value: unknown) => typeof value === 'string' && !value.includes('\0') },
  uuid: {
    type: 'uuid',
    fits: (value: unknown) => typeof value === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value),
  },
  integer: { type: 'bigint', fits: (value: unknown) => Number.isSafeInteger(value) },
  /** 1 for yes, 0 for no. */
  flag: { type: 'int', fits: (value: unknown) => value === 0 || value === 1 },
  time: { type: 'timestamptz', fits: (value: unknown) => typeof value === 'string' && isTime(value) },
} as const
export type PositionKind = keyof typeof kinds

/** Reads a cursor of these kinds of values; refuses what Rollcall never gave out. */
export function positionOf(cursor: string | undefined, wanted: PositionKind[]): Position | null {
  if (cursor === undefined) return null
  const values = parse(Buffer.from(cursor, 'base64url').toString('utf8'))
  const fits =
    Array.isArray(values) &&
    values.length === wanted.length &&
    wanted.every((kind, index) => kinds[kind].fits(values[index]))
  if (!fits)
    throw new DomainError('BAD_CURSOR', 'This cursor is not one that Rollcall gave out; start from the first page.')
  return values as Position
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** The condition of rows that come after a position, in the order of the columns; true for the first page. */
export function pageAfter(
  columns: Record<string, PositionKind>,
  direction: 'ASC' | 'DESC',
  after: Position | null,
): SQL {
  if (after === null) return sql`true`
  const values = sql.join(
    Object.values(columns).map((kind, index) => sql`${after[index]}::${sql.raw(kinds[kind].type)}`),
    sql`, `,
  )
  const row = sql.raw(`(${Object.keys(columns).join(', ')})`)
  // Not < alone: of many rows with the same first value PostgreSQL would expect none, and sort them all instead of reading on.
  return sql`${row} ${sql.raw(direction === 'ASC' ? '>=' : '<=')} (${values}) AND ${row} <> (${values})`
}

/** How many rows of a list are read at once for a page of those that a filter leaves: first, and then again. */
export interface Reach {
  first: number
  next: number
}

/**
 * The next rows that a filter leaves, found by reading through the list in its order; fewer than `limit` where they are too
 * rare for that. The first rows tell whether those after them are likely to fill the page. `read` gives at most `limit` rows
 * after a row (null: from the beginning of the page) among the next `within` of the list.
 */
export async function readThrough<Row>(
  limit: number,
  { first, next }: Reach,
  read: (after: Row | null, limit: number, within: number) => Promise<Row[]>,
): Promise<Row[]> {
  const rows = await read(null, limit, first)
  if (rows.length < limit && rows.length * (first + next) >= limit * first) {
    rows.push(...(await read(rows.at(-1) ?? null, limit - rows.length, next)))
  }
  return rows
}

/** Cuts the row that only tells whether there is a next page, and makes the cursor of that page. */
export function cutPage<Row>(
  rows: Row[],
  limit: number,
  positionOfRow: (row: Row) => Position,
): { page: Row[]; nextCursor: string | null } {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  return { page, nextCursor: rows.length > limit && last !== undefined ? cursorOf(positionOfRow(last)) : null }
}
