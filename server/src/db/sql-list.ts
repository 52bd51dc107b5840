import { sql, type SQL } from 'drizzle-orm'

/**
 * Renders words of the contract, such as statuses, as the literals of `IN (…)`, so that a reader sees them in the statement
 * and the planner can match them with the condition of a partial index. Throws for anything but small letters and
 * underscores: values that come from outside are parameters.
 */
export function sqlList(words: readonly string[]): SQL {
  if (words.length === 0) throw new Error('An empty list cannot be rendered for IN.')
  for (const word of words)
    if (!/^[a-z_]+$/.test(word)) throw new Error(`${JSON.stringify(word)} is no word of the contract.`)
  return sql.raw(words.map((word) => `'${word}'`).join(', '))
}
