import { leadFields, type ImportMapping } from '@rollcall/shared'
import { headersOfFields, headersOfFullNames } from './header-words.ts'

/** Words beside "email" in headers of columns that say something about an address and hold none. */
const aboutAddresses =
  /\b(opt|out|status|bounced?|domain|verified|valid|count|date|time|sent|opened|clicked|subscribed|consent|type|label|id|owner|subject|body|template)\b/

/** Lower case, without accents, marks and punctuation, in words: `Person - E-Mail` and `person_e_mail` are the same. */
export function normalizeHeader(header: string): string {
  return header
    .replaceAll(/(\p{Ll})(\p{Lu})/gu, '$1 $2')
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .toLowerCase()
    .replaceAll('ł', 'l')
    .replaceAll('ı', 'i')
    .replaceAll(/['’ʼ]/g, '')
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .trim()
}

/**
 * Finds which column holds which field, by the headers alone. A field that no column is for is left out. `firstName` and
 * `lastName` with the same header mean a column with the whole name, to be split (`splitFullName`).
 */
export function matchHeaders(headers: string[]): ImportMapping {
  const mapping: ImportMapping = {}
  const free = new Map<string, string>()
  for (const header of headers) {
    const name = normalizeHeader(header)
    if (!free.has(name)) free.set(name, header)
  }
  const take = (candidates: string[]): string | undefined => {
    const name = candidates.map(normalizeHeader).find((candidate) => free.has(candidate))
    if (name === undefined) return undefined
    const header = free.get(name)
    free.delete(name)
    return header
  }

  for (const field of leadFields) {
    const header = take(headersOfFields[field])
    if (header !== undefined) mapping[field] = header
  }
  mapping.email ??= headerLikeEmail(headers)
  if (mapping.email === undefined) delete mapping.email

  // Beside a column for the first name, `Name` is the last name (German, French, Spanish: Nombre, Apellidos).
  if (mapping.firstName === undefined || mapping.lastName === undefined) {
    const name = take(headersOfFullNames)
    if (name !== undefined) {
      mapping.firstName ??= name
      mapping.lastName ??= name
    }
  }
  return mapping
}

/** Any header with the word e-mail that is not about something else: `Email (private)`. */
function headerLikeEmail(headers: string[]): string | undefined {
  return headers.find((header) => {
    const name = normalizeHeader(header)
    return /\be ?mail\b/.test(name) && !aboutAddresses.test(name)
  })
}

/** Han, kana and Hangul: names that begin with the family name. */
const familyNameFirst = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\s]+$/u

/**
 * Splits a whole name so that the first name can be greeted: what stands before the first space is the first name.
 * `Last, First` and names in Chinese, Japanese and Korean with a space are understood. A single word is a first name.
 */
export function splitFullName(name: string): { firstName: string; lastName: string } {
  const text = name.trim()
  const comma = text.indexOf(',')
  if (comma > 0) return { firstName: text.slice(comma + 1).trim(), lastName: text.slice(0, comma).trim() }
  const space = text.search(/\s/)
  if (space < 0) return { firstName: text, lastName: '' }
  const [before, after] = [text.slice(0, space), text.slice(space).trim()]
  return familyNameFirst.test(text) ? { firstName: after, lastName: before } : { firstName: before, lastName: after }
}
