import { sql, type SQL } from 'drizzle-orm'
import type { LeadFilter, LeadSort } from '@rollcall/shared'
import { expectedOf } from '../../db/counting.ts'
import { rowsOf, type Queryable } from '../../db/database.ts'
import { bitmapOnly, withoutIndex } from '../../db/planner.ts'
import { pageAfter, type Position, type PositionKind } from '../../db/keyset-paging.ts'
import { allOf, likeWord, storableText, wordsOf } from '../../db/text.ts'
import { selectedLead, type LeadRow } from '../leads.queries.ts'
import { pairsOfSearchText } from '../leads.table.ts'

/** A lead of a list, with the key of its address, by which the list may be ordered. */
export type ListedLead = LeadRow & { emailKey: string }

/**
 * The condition over the table `leads` for the leads that a filter selects. The list, its total and a selection by filter all use
 * it. Every word of `q` must occur somewhere in the address, the names or the company, in upper or lower case.
 */
export function leadFilterCondition(filter: LeadFilter): SQL {
  const { q, ...equal } = filter
  if (!isStorable(filter)) return sql`false`
  return allOf([...equalities(equal), ...wordsOf(q).map(standsInText)])
}

/**
 * A condition for the same leads, in a form that lets PostgreSQL find them by its indexes. `isSelective` is true where the other
 * fields of the filter leave so few leads that the words should be compared with each of them, without an index.
 */
function indexedCondition(filter: LeadFilter, isSelective = false): SQL {
  const { q, ...equal } = filter
  if (!isStorable(filter)) return sql`false`
  const { status, ...others } = equal
  const words = wordsOf(q)
  const found = [...equalities(others), ...words.map(isSelective ? isComparedWithText : isFoundInText)]
  if (equalities(others).length === 0 && words.every(isPlainLetter)) {
    return allOf([...found, ...equalities({ status }), ...(hasAccount(filter) ? [hasAccountWith(status)] : [])])
  }
  // The only index with the status is a BRIN index, which summarizes ranges of pages. PostgreSQL would combine it with another
  // index and then read whole pages.
  return allOf([...found, ...equalities({ status }).map(withoutIndex)])
}

function hasAccount({ status }: LeadFilter): boolean {
  return status === 'invited' || status === 'active'
}

function hasAccountWith(status: LeadFilter['status']): SQL {
  return sql`leads.id IN (SELECT account.lead_id FROM accounts account WHERE account.status = ${status})`
}

/** The number of characters of a word that are looked up in an index. They are selective enough, and each further one costs another list of trigrams. */
const indexedCharacters = 10

function isFoundInText(word: string): SQL {
  if (isPlainLetter(word)) return standsInText(word)
  const whole = isComparedWithText(word)
  // The word is compared without LIKE: for LIKE, PostgreSQL could choose the index of trigrams, and check every lead that it finds.
  if (!hasTrigram(word)) return hasPair(word) ? sql`(${whole} AND ${hasPairsOf(word)})` : whole
  const characters = Array.from(word)
  const beginning = characters.slice(0, indexedCharacters).join('')
  const isLong = characters.length > indexedCharacters && hasTrigram(beginning)
  return isLong ? sql`(${standsInText(beginning)} AND ${whole})` : standsInText(word)
}

/** The condition that a word occurs somewhere in the text, in a form that no index can serve. */
function isComparedWithText(word: string): SQL {
  return sql`strpos(leads.search_text, lower(${word})) > 0`
}

/** The highest number of leads that are compared with words without an index. That takes about 25 ms. */
const maximumCompared = 12_000

/**
 * True where source, owner and import leave few leads and the words of `q` leave far more. An index of the words would then
 * find up to half a million leads of which nearly all are dropped, which PostgreSQL takes for cheaper than it is.
 */
export async function hasFieldsMoreSelectiveThanWords(database: Queryable, filter: LeadFilter): Promise<boolean> {
  const { q, status: _, ...others } = filter
  if (wordsOf(q).length === 0 || equalities(others).length === 0 || !isStorable(filter)) return false
  const byFields = await expectedOf(database, sql`FROM leads WHERE ${allOf(equalities(others))}`)
  if (byFields.rows > maximumCompared) return false
  return (await expectedWithWords(database, q)) > 10 * byFields.rows
}

/** About how many leads have the words of `q` somewhere in their text, estimated by PostgreSQL from its statistics. */
export async function expectedWithWords(database: Queryable, q: string | undefined): Promise<number> {
  const { rows } = await expectedOf(database, sql`FROM leads WHERE ${indexedCondition({ q })}`)
  return rows
}

/** A single letter or digit, which nearly every lead has in its text. */
function isPlainLetter(word: string): boolean {
  return /^[a-z0-9]$/i.test(word)
}

/** True where the word has three letters or digits in a row, of which trigrams are made. Most names in Chinese have fewer. */
function hasTrigram(word: string): boolean {
  return /[\p{L}\p{N}]{3}/u.test(word)
}

/** A range of ids of leads, both ends included. */
export interface IdRange {
  first: string
  last: string
}

/** Selects the ids of the leads in a range whose address or names have the words of `q` and were not replaced since a time. */
export function leadsNamedSince(q: string, since: string, between: IdRange): SQL {
  const name = sql`lower(leads.email || ' ' || leads.first_name || ' ' || leads.last_name)`
  // With a range that the index of ids can serve alone, PostgreSQL would read every lead of the range.
  const isBetween = bitmapOnly(
    sql`leads.id BETWEEN ${between.first}::uuid AND ${between.last}::uuid`,
    sql`leads.id = ${between.last}::uuid`,
  )
  return sql`SELECT leads.id FROM leads WHERE ${indexedCondition({ q })}
    AND ${allOf(wordsOf(q).map((word) => sql`${name} ${likeWord(word)}`))} AND (leads.renamed_at >= ${since}::timestamptz) IS NOT TRUE
    AND ${isBetween}`
}

/** Selects the ids of the leads whose address or name was replaced since a time. */
export function leadsRenamedSince(since: string): SQL {
  return sql`SELECT leads.id FROM leads WHERE leads.renamed_at >= ${since}::timestamptz`
}

/** False where the filter has a text that PostgreSQL cannot store, which therefore no lead can have. */
function isStorable({ q, source, owner }: LeadFilter): boolean {
  return [q, source, owner].every((text) => text === undefined || storableText(text))
}

function standsInText(word: string): SQL {
  return sql`leads.search_text ${likeWord(word)}`
}

/** False for a word with U+0001, the separator of `pairsOfSearchText`, which no pair contains. */
function hasPair(word: string): boolean {
  return !word.includes('\u0001')
}

/** The condition that the text has all pairs of characters of the word. A single character must begin a pair, or end the text. */
function hasPairsOf(word: string): SQL {
  const lower = sql`lower(${word}::text)`
  const length = Math.min(Array.from(word).length, indexedCharacters)
  const pairs = Array.from({ length: length - 1 }, (_, index) => quoted(sql`substr(${lower}, ${index + 1}::int, 2)`))
  const asked = length === 1 ? sql`${quoted(lower)} || ':*'` : sql.join(pairs, sql` || ' & ' || `)
  return sql`${pairsOfSearchText} @@ (${asked})::tsquery`
}

/** Quotes a text as one term of a tsquery. */
function quoted(text: SQL): SQL {
  return sql`'''' || replace(replace(${text}, '\\', '\\\\'), '''', '''''') || ''''`
}

/** The conditions for the fields that must have a given value, the usually most selective one first. */
function equalities({ importId, owner, source, status }: Omit<LeadFilter, 'q'>): SQL[] {
  return [
    ...(importId === undefined ? [] : [sql`leads.import_id = ${importId}::uuid`]),
    ...(owner === undefined ? [] : [sql`leads.owner = ${owner}`]),
    ...(source === undefined ? [] : [sql`leads.source = ${source}`]),
    ...(status === undefined ? [] : [sql`leads.status = ${status}`]),
  ]
}

/** The columns of each order of a list. They tell any two leads apart, and there is an index of them. */
type SortField = Exclude<LeadSort, `-${string}`>
const sortColumns: Record<SortField, Record<string, PositionKind>> = {
  createdAt: { 'leads.created_at': 'time', 'leads.id': 'uuid' },
  email: { 'leads.email_key': 'text' },
  lastName: { 'leads.last_name COLLATE "und-x-icu"': 'text', 'leads.id': 'uuid' },
  company: { 'leads.company COLLATE "und-x-icu"': 'text', 'leads.id': 'uuid' },
}

interface Order {
  field: SortField
  columns: Record<string, PositionKind>
  direction: 'ASC' | 'DESC'
  by: SQL
}

function orderOf(sort: LeadSort): Order {
  const field = sort.replace(/^-/, '') as SortField
  const direction = sort.startsWith('-') ? 'DESC' : 'ASC'
  const columns = sortColumns[field]
  return { field, columns, direction, by: inDirection(columns, direction) }
}

/** The kinds of values that a position in a list of this order has. */
export function positionKinds(sort: LeadSort): PositionKind[] {
  return Object.values(orderOf(sort).columns)
}

/** The position of a row in a list of this order. */
export function positionOfLead(sort: LeadSort, row: ListedLead): Position {
  const { field } = orderOf(sort)
  return field === 'email' ? [row.emailKey] : [row[field], row.id]
}

/** A part of a list: the next `limit` leads after a position (null: from the beginning of the list). */
export interface LeadsPart {
  filter: LeadFilter
  sort: LeadSort
  limit: number
  after: Position | null
}

/**
 * Finds the leads that a filter selects by scanning the next `budget` leads of the list in its order. This fills a page quickly
 * where such leads are frequent. A result that does not fill the page does not mean that there are no more.
 */
export async function scanLeadsInOrder(
  database: Queryable,
  { filter, sort, limit, after }: LeadsPart,
  budget: number,
): Promise<ListedLead[]> {
  const { field, columns, direction, by } = orderOf(sort)
  const byTime = field === 'createdAt' && isStorable(filter)
  // Each of these fields has an index in the order of time. With a second condition, PostgreSQL would read on in such an index
  // until enough leads fit, however far that is, so only the first condition is part of the scan.
  const equal = byTime ? equalities({ ...filter, status: undefined }).slice(0, 1) : []
  const byAccount = byTime && equal.length === 0 && hasAccount(filter)
  const next = byAccount
    ? sql`SELECT leads.*, account.lead_created_at AS listed_at, account.lead_id AS listed_id
        FROM accounts account JOIN leads ON leads.id = account.lead_id
        WHERE account.status = ${filter.status} AND ${pageAfter(accountColumns, direction, after)}
        ORDER BY ${inDirection(accountColumns, direction)} LIMIT ${budget}`
    : sql`SELECT * FROM leads WHERE ${allOf([...equal, pageAfter(columns, direction, after)])} ORDER BY ${by} LIMIT ${budget}`
  return rowsOf(
    database,
    sql`SELECT ${selectedLead}, leads.email_key AS "emailKey" FROM (${next}) leads
      WHERE ${leadFilterCondition(filter)}
      ORDER BY ${byAccount ? inDirection(listedColumns, direction) : by} LIMIT ${limit}`,
  )
}

/** The order of time for leads with an account. It is read from the accounts, which copy the time of creation and have the status of their lead. */
const accountColumns: Record<string, PositionKind> = { 'account.lead_created_at': 'time', 'account.lead_id': 'uuid' }
const listedColumns: Record<string, PositionKind> = { 'leads.listed_at': 'time', 'leads.listed_id': 'uuid' }

function inDirection(columns: Record<string, PositionKind>, direction: 'ASC' | 'DESC'): SQL {
  return sql.raw(
    Object.keys(columns)
      .map((column) => `${column} ${direction}`)
      .join(', '),
  )
}

/**
 * Finds all leads that a filter selects by the indexes of its fields and words, and sorts them, which is quick where such leads
 * are rare. `found` is the number of those that follow the position. `isSelective` is what `hasFieldsMoreSelectiveThanWords`
 * says of the filter.
 */
export async function findLeadsByIndex(
  database: Queryable,
  { filter, sort, limit, after }: LeadsPart,
  isSelective: boolean,
): Promise<{ rows: ListedLead[]; found: number }> {
  const { columns, direction, by } = orderOf(sort)
  const isAfter = pageAfter(columns, direction, after)
  // PostgreSQL would combine the index of the order with one of the words, and read it from the position to the end of the list.
  const isFurther = wordsOf(filter.q).every(isPlainLetter) ? isAfter : withoutIndex(isAfter)
  const rows = await rowsOf<ListedLead & { found: number }>(
    database,
    // The leads are found first (MATERIALIZED), so that PostgreSQL does not look for them along the index of the order, which
    // it might have to read to its end.
    sql`WITH found AS MATERIALIZED (
        SELECT id, created_at, email_key, last_name, company FROM leads
        WHERE ${indexedCondition(filter, isSelective)} AND ${isFurther}
      ), page AS MATERIALIZED (
        SELECT id FROM found leads ORDER BY ${by} LIMIT ${limit}
      )
      SELECT ${selectedLead}, leads.email_key AS "emailKey", (SELECT count(*)::int FROM found) AS found
      FROM page JOIN leads ON leads.id = page.id ORDER BY ${by}`,
  )
  return { rows, found: rows[0]?.found ?? 0 }
}

/** The part of a SELECT after its columns for the leads that a filter selects. */
export function matchingLeads(filter: LeadFilter): SQL {
  return sql`FROM leads WHERE ${leadFilterCondition(filter)}`
}
