import { sql, type SQL } from 'drizzle-orm'

/** True when PostgreSQL can store the text as it is: no NUL character, no half of a surrogate pair. */
export function storableText(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}

/** Splits a search into its words, each of them once, because a repeated word would cost time and change nothing. */
export function wordsOf(q: string | undefined): string[] {
  return [...new Set(q?.split(/\s+/).filter((word) => word !== ''))]
}

/** The part of a condition that follows a text in lower case: the text has the word somewhere, in any case. */
export function likeWord(word: string): SQL {
  return sql`LIKE lower(${`%${word.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`})`
}

/** Combines conditions with AND; true where there is none. */
export function allOf(conditions: SQL[]): SQL {
  return conditions.length === 0 ? sql`true` : sql`(${sql.join(conditions, sql` AND `)})`
}
