import { sql, type SQL } from 'drizzle-orm'
import { DomainError } from '../errors.ts'
import { isTime } from './time.ts'

/** The position of a row in a list: its values in the columns that the list is ordered by. */
export type Position = (string | number)[]

/** Writes a position as a cursor: a text that is opaque to clients and means something only for the list that it came from. */
export function cursorOf(position: Position): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url')
}

/** The kinds of values in a position: the type in SQL, and the check of a value that a client sent. */
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

/**
 * Reads a cursor whose values are of these kinds; null where there is no cursor.
 *
 * @throws DomainError BAD_CURSOR for a text that Rollcall cannot have given out
 */
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

/** The condition for the rows that follow a position in the order of the columns; it is true where there is no position. */
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
  // With < alone, PostgreSQL expects no row where many have the same first value, and sorts all of them instead of reading
  // the index from the position on. Measured on PostgreSQL 18.4.
  return sql`${row} ${sql.raw(direction === 'ASC' ? '>=' : '<=')} (${values}) AND ${row} <> (${values})`
}

/** How many rows of a list may be scanned for one page of those that a filter leaves: at first, and once more after that. */
export interface ScanBudget {
  first: number
  next: number
}

/**
 * Finds the next rows that a filter leaves by scanning the list in its order, within a budget; gives fewer than `limit` rows
 * where they are too rare for that. The second scan is made only if the share of hits in the first one says that it is
 * likely to fill the page. `scan` gives at most `limit` rows that follow a row (null: the start of the page) among the
 * next `budget` rows of the list.
 */
export async function scanInOrder<Row>(
  limit: number,
  { first, next }: ScanBudget,
  scan: (after: Row | null, limit: number, budget: number) => Promise<Row[]>,
): Promise<Row[]> {
  const rows = await scan(null, limit, first)
  if (rows.length < limit && rows.length * (first + next) >= limit * first) {
    rows.push(...(await scan(rows.at(-1) ?? null, limit - rows.length, next)))
  }
  return rows
}

/** Makes a page of at most `limit` rows and its cursor from rows that were read with one more than `limit`: the last one only says that there is a next page. */
export function cutPage<Row>(
  rows: Row[],
  limit: number,
  positionOfRow: (row: Row) => Position,
): { page: Row[]; nextCursor: string | null } {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  return { page, nextCursor: rows.length > limit && last !== undefined ? cursorOf(positionOfRow(last)) : null }
}
