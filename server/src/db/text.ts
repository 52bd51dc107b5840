/** True when PostgreSQL can store the text as it is: no NUL character, no half of a surrogate pair. */
export function storableText(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}
