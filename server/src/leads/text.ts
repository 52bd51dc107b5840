export { storableText } from '../db/text.ts'

/** A value to show, at most so long and always storable. */
export function excerpt(text: string, maximumLength = 200): string {
  const short = text.length > maximumLength ? `${text.slice(0, maximumLength - 1)}…` : text
  return short.replaceAll('\0', '␀').toWellFormed()
}
