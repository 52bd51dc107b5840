import { leadFields, type ImportMapping } from '@rollcall/shared'
import { headersOfFields, headersOfFullNames } from './header-words.ts'

/** Words in a header with "email" which show that the column says something about an address and does not contain it. */
const aboutAddresses =
  /\b(opt|out|status|bounced?|domain|verified|valid|count|date|time|sent|opened|clicked|subscribed|consent|type|label|id|owner|subject|body|template)\b/

/**
 * Reduces a header to words in lower case without accents and punctuation, so that `Person - E-Mail` and `person_e_mail` are the
 * same.
 */
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
 * Finds which column has which field, by the headers alone. A field without a column is left out. Where `firstName` and
 * `lastName` have the same header, its column has the whole name, which `splitFullName` splits.
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

  // A column `Name` has the whole name. Beside a column of the first name it has the last name, as in German and French exports.
  if (mapping.firstName === undefined || mapping.lastName === undefined) {
    const name = take(headersOfFullNames)
    if (name !== undefined) {
      mapping.firstName ??= name
      mapping.lastName ??= name
    }
  }
  return mapping
}

/** Returns the first header that has the word e-mail and none of the words of `aboutAddresses`, for example `Email (private)`. */
function headerLikeEmail(headers: string[]): string | undefined {
  return headers.find((header) => {
    const name = normalizeHeader(header)
    return /\be ?mail\b/.test(name) && !aboutAddresses.test(name)
  })
}

/** Matches names in Chinese, Japanese and Korean characters, which begin with the family name. */
const familyNameFirst = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\s]+$/u

/**
 * Splits a whole name into the first name, by which a mail greets the person, and the last name. The first name is the text
 * before the first space, or after a comma (`Last, First`). In Chinese, Japanese and Korean it follows the space. A single word
 * is a first name.
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
