export { storableText } from '../db/text.ts'

/** Shortens a value to at most `maximumLength` characters, and replaces what PostgreSQL cannot store, so that it can be shown and stored. */
export function excerpt(text: string, maximumLength = 200): string {
  const short = text.length > maximumLength ? `${text.slice(0, maximumLength - 1)}…` : text
  return short.replaceAll('\0', '␀').toWellFormed()
}
