import { fillPlaceholders, sql, type SQL } from 'drizzle-orm'
import { PgDialect } from 'drizzle-orm/pg-core'
import { types, type ClientBase, type CustomTypesConfig, type Pool } from 'pg'
import type { Queryable } from './database.ts'

/** A statement whose text is always the same; only its values change. */
export interface Prepared<Row> {
  /** Runs the statement. It is handed to the connection before this function returns, so calls keep their order. */
  rows(database: Queryable, values: Record<string, unknown>): Promise<Row[]>
}

const dialect = new PgDialect()
const timesAsText: CustomTypesConfig = {
  getTypeParser: (oid, format) =>
    oid === types.builtins.TIMESTAMPTZ ? (text: string) => text : types.getTypeParser(oid, format),
}

/** Every prepared statement by its name, for tests that show them whole; parameters are placeholders. */
export const preparedStatements = new Map<string, { text: string; parameters: readonly unknown[] }>()

/** A placeholder in a prepared statement, filled with the value that a call gives under this name. */
export function value(name: string) {
  return sql.placeholder(name)
}

/**
 * Writes an array for PostgreSQL as text, without escaping anything: only for ids, numbers and words of the contract, none of
 * which has a quote, comma, brace or backslash. node-postgres would look at every character of every element.
 */
export function plainArray(words: readonly (string | number | null)[]): string {
  return `{${words.map((word) => word ?? 'NULL').join(',')}}`
}

/**
 * Prepares a statement, with `value`s where calls differ. A connection parses it once and, if it belongs to `openWorkerPool`,
 * also plans it once, which is most of the work of a large statement that touches few rows. `name` must be unique among all
 * statements. Rows have the values that `rowsOf` gives: times are texts.
 *
 * The statement must name its columns one by one. With `*`, it would fail on every open connection once a migration adds a column.
 */
export function prepare<Row extends object>(name: string, statement: SQL): Prepared<Row> {
  const { sql: text, params } = dialect.sqlToQuery(statement)
  if (preparedStatements.has(name)) throw new Error(`Two statements are prepared under the name ${name}.`)
  preparedStatements.set(name, { text, parameters: params })
  return {
    async rows(database, values) {
      const { $client } = database as unknown as { $client: Pool | ClientBase }
      const result = await $client.query<Row>({
        name,
        text,
        values: fillPlaceholders(params, values),
        types: timesAsText,
      })
      return result.rows
    },
  }
}
