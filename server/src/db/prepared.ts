import { fillPlaceholders, sql, type SQL } from 'drizzle-orm'
import { PgDialect } from 'drizzle-orm/pg-core'
import { types, type ClientBase, type CustomTypesConfig, type Pool } from 'pg'
import type { Queryable } from './database.ts'

/** A statement that is always the same but for its values. */
export interface Prepared<Row> {
  /** The statement is given to the connection before this returns. */
  rows(database: Queryable, values: Record<string, unknown>): Promise<Row[]>
}

const dialect = new PgDialect()
const timesAsText: CustomTypesConfig = {
  getTypeParser: (oid, format) =>
    oid === types.builtins.TIMESTAMPTZ ? (text: string) => text : types.getTypeParser(oid, format),
}

/** Every prepared statement by its name, for tests that show them whole; parameters are placeholders. */
export const preparedStatements = new Map<string, { text: string; parameters: readonly unknown[] }>()

/** Stands in a prepared statement for what it is called with under this name. */
export function value(name: string) {
  return sql.placeholder(name)
}

/**
 * Ids, numbers and words of the contract, none of which has a quote, comma, brace or backslash, as the text of an array:
 * node-postgres would look at each letter of each.
 */
export function plainArray(words: readonly (string | number | null)[]): string {
  return `{${words.map((word) => word ?? 'NULL').join(',')}}`
}

/**
 * Makes the text of a statement once; what changes from call to call are its `value`s. A connection parses it
 * once and, on connections of `openWorkerPool`, plans it once: for a large statement with little to do that is most
 * of the work. `name` is its own among all statements. Values are those of `rowsOf`: times are texts.
 *
 * Its columns are named one by one: with `*`, a migration that adds one would fail it on every connection that stands.
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
