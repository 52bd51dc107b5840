/** True when PostgreSQL can store the text as it is: no NUL character, no half of a surrogate pair. */
export function storableText(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}

/** A value to show, at most so long and always storable. */
export function excerpt(text: string, maximumLength = 200): string {
  const short = text.length > maximumLength ? `${text.slice(0, maximumLength - 1)}…` : text
  return short.replaceAll('\0', '␀').toWellFormed()
}
