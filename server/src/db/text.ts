import { sql, type SQL } from 'drizzle-orm'

/** True when PostgreSQL can store the text as it is: no NUL character, no half of a surrogate pair. */
export function storableText(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}

/** The words of a search, each once: a second time it asks for nothing more, and costs as much. */
export function wordsOf(q: string | undefined): string[] {
  return [...new Set(q?.split(/\s+/).filter((word) => word !== ''))]
}

/** A word somewhere in a text, in any case: what follows a text that is in lower case. */
export function likeWord(word: string): SQL {
  return sql`LIKE lower(${`%${word.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`})`
}

/** Conditions that are all to hold. */
export function allOf(conditions: SQL[]): SQL {
  return conditions.length === 0 ? sql`true` : sql`(${sql.join(conditions, sql` AND `)})`
}
