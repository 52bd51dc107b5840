import { sql } from 'drizzle-orm'
import type { Person, Rejection } from '@rollcall/shared'
import { rowsOf, type Queryable } from '../../db/database.ts'

export interface ImportCounts {
  rows: number
  created: number
  updated: number
  unchanged: number
  rejected: number
}

/**
 * Waits until no other import runs, and keeps others waiting until the end of this transaction. Two imports at the same time
 * could end in a deadlock, because each locks the rows of one chunk after the other.
 */
export async function waitForOtherImports(database: Queryable): Promise<void> {
  await database.execute(sql`SELECT pg_advisory_xact_lock(hashtext('rollcall leads import'))`)
}

/** Inserts an import without counts, which `finishImport` stores, and returns its id. */
export async function insertImport(database: Queryable, fileName: string, staff: Person): Promise<string> {
  const rows = await rowsOf<{ id: string }>(
    database,
    sql`INSERT INTO imports (file_name, staff_id, staff_name) VALUES (${fileName}, ${staff.id}, ${staff.name}) RETURNING id`,
  )
  const id = rows[0]?.id
  if (id === undefined) throw new Error('The import was not stored.')
  return id
}

/** Stores the counts of an import whose rows have all been read. */
export async function finishImport(database: Queryable, id: string, counts: ImportCounts): Promise<void> {
  await database.execute(sql`UPDATE imports SET rows = ${counts.rows}, created = ${counts.created}, updated = ${counts.updated},
    unchanged = ${counts.unchanged}, rejected = ${counts.rejected}, finished_at = clock_timestamp() WHERE id = ${id}::uuid`)
}

/** Stores rejected rows of an import. `first` is the ordinal of the first of them; the first of an import has 1. */
export async function insertRejections(
  database: Queryable,
  importId: string,
  rejections: Rejection[],
  first: number,
): Promise<void> {
  const lines = sql.param(rejections.map((rejection) => rejection.line))
  const reasons = sql.param(rejections.map((rejection) => rejection.reason))
  const values = sql.param(rejections.map((rejection) => rejection.value))
  await database.execute(sql`INSERT INTO import_rejections (import_id, ordinal, line, reason, value)
    SELECT ${importId}::uuid, ${first}::int + position::int - 1, line, reason, value
    FROM unnest(${lines}::int[], ${reasons}::text[], ${values}::text[]) WITH ORDINALITY AS given(line, reason, value, position)`)
}

/** Returns the name of the file of an import, or null where there is no such import. */
export async function importFileName(database: Queryable, id: string): Promise<string | null> {
  const rows = await rowsOf<{ file_name: string }>(database, sql`SELECT file_name FROM imports WHERE id = ${id}::uuid`)
  return rows[0]?.file_name ?? null
}

/** Returns the next `limit` rejected rows after an ordinal, in the order of the file. */
export async function rejectionsAfter(
  database: Queryable,
  options: { importId: string; after: number; limit: number },
): Promise<(Rejection & { ordinal: number })[]> {
  return rowsOf(
    database,
    sql`SELECT ordinal, line, reason, value FROM import_rejections
      WHERE import_id = ${options.importId}::uuid AND ordinal > ${options.after} ORDER BY ordinal LIMIT ${options.limit}`,
  )
}
