import { sql, type SQL } from 'drizzle-orm'
import type { LeadFilter, LeadSort } from '@rollcall/shared'
import { expectedOf } from '../../db/counting.ts'
import { rowsOf, type Queryable } from '../../db/database.ts'
import { bitmapOnly, withoutIndex } from '../../db/planner.ts'
import { pageAfter, type Position, type PositionKind } from '../../db/keyset-paging.ts'
import { allOf, likeWord, storableText, wordsOf } from '../../db/text.ts'
import { selectedLead, type LeadRow } from '../leads.queries.ts'
import { pairsOfSearchText } from '../leads.table.ts'

/** A lead of a list, together with the key that the list may be ordered by. */
export type ListedLead = LeadRow & { emailKey: string }

/**
 * The leads that a filter means, as a condition over the table `leads`: the list, its total and a selection by filter
 * all ask this. Every word of `q` must stand somewhere in the address, the names or the company, in any case.
 */
export function leadFilterCondition(filter: LeadFilter): SQL {
  const { q, ...equal } = filter
  if (!isStorable(filter)) return sql`false`
  return allOf([...equalities(equal), ...wordsOf(q).map(standsInText)])
}

/**
 * The same leads, in a form that lets PostgreSQL find them by its indexes. `isSelective` says that the other fields of the
 * filter leave so few leads that no index should be asked for the words.
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
  // The only index with the status is one that sums up pages (BRIN). Next to another index it would have whole pages read.
  return allOf([...found, ...equalities({ status }).map(withoutIndex)])
}

function hasAccount({ status }: LeadFilter): boolean {
  return status === 'invited' || status === 'active'
}

function hasAccountWith(status: LeadFilter['status']): SQL {
  return sql`leads.id IN (SELECT account.lead_id FROM accounts account WHERE account.status = ${status})`
}

/** This many characters of a word are looked up in an index: they are selective enough, and each further one costs a further list of trigrams. */
const indexedCharacters = 10

function isFoundInText(word: string): SQL {
  if (isPlainLetter(word)) return standsInText(word)
  const whole = isComparedWithText(word)
  // The word is compared without LIKE, so that PostgreSQL does not choose the index of trigrams, whose every hit is checked again.
  if (!hasTrigram(word)) return hasPair(word) ? sql`(${whole} AND ${hasPairsOf(word)})` : whole
  const characters = Array.from(word)
  const beginning = characters.slice(0, indexedCharacters).join('')
  const isLong = characters.length > indexedCharacters && hasTrigram(beginning)
  return isLong ? sql`(${standsInText(beginning)} AND ${whole})` : standsInText(word)
}

/** A word stands somewhere in the text, in a form that matches no index. */
function isComparedWithText(word: string): SQL {
  return sql`strpos(leads.search_text, lower(${word})) > 0`
}

/** Reading this many leads and comparing them takes about 25 ms. */
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
  // By the index of ids alone, every lead of the range would be read.
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

/** False for a word with the character that `pairsOfSearchText` is split at: no pair has it. */
function hasPair(word: string): boolean {
  return !word.includes('\u0001')
}

/** The text has all pairs of characters of the word. A word of one character is the beginning of a pair, or a pair of its own. */
function hasPairsOf(word: string): SQL {
  const lower = sql`lower(${word}::text)`
  const length = Math.min(Array.from(word).length, indexedCharacters)
  const pairs = Array.from({ length: length - 1 }, (_, index) => quoted(sql`substr(${lower}, ${index + 1}::int, 2)`))
  const asked = length === 1 ? sql`${quoted(lower)} || ':*'` : sql.join(pairs, sql` || ' & ' || `)
  return sql`${pairsOfSearchText} @@ (${asked})::tsquery`
}

/** Quotes any text as one term of a tsquery. */
function quoted(text: SQL): SQL {
  return sql`'''' || replace(replace(${text}, '\\', '\\\\'), '''', '''''') || ''''`
}

/** The conditions of the fields that must be equal, the most selective one first. */
function equalities({ importId, owner, source, status }: Omit<LeadFilter, 'q'>): SQL[] {
  return [
    ...(importId === undefined ? [] : [sql`leads.import_id = ${importId}::uuid`]),
    ...(owner === undefined ? [] : [sql`leads.owner = ${owner}`]),
    ...(source === undefined ? [] : [sql`leads.source = ${source}`]),
    ...(status === undefined ? [] : [sql`leads.status = ${status}`]),
  ]
}

/** What a list can be ordered by. The columns of each order make it total, and there is an index of them. */
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

/** A part of a list of leads: at most `limit` that follow a position. */
export interface LeadsPart {
  filter: LeadFilter
  sort: LeadSort
  limit: number
  after: Position | null
}

/**
 * Finds the leads that a filter means among the next `budget` leads of the list, by scanning them in its order. This fills a
 * page at once where such leads are frequent. Fewer than a page does not mean that there are no more.
 */
export async function scanLeadsInOrder(
  database: Queryable,
  { filter, sort, limit, after }: LeadsPart,
  budget: number,
): Promise<ListedLead[]> {
  const { field, columns, direction, by } = orderOf(sort)
  const byTime = field === 'createdAt' && isStorable(filter)
  // Each of these fields has an index in the order of time. With a second field, such an index would be read without a bound.
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

/** The order of time of the leads that have an account, by columns of the account, whose status is that of its lead. */
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
 * Finds all leads that a filter means by the indexes of its fields and words, and sorts them: the way to leads that are rare.
 * `found` is how many follow the position. `isSelective` is what `hasFieldsMoreSelectiveThanWords` says of the filter.
 */
export async function findLeadsByIndex(
  database: Queryable,
  { filter, sort, limit, after }: LeadsPart,
  isSelective: boolean,
): Promise<{ rows: ListedLead[]; found: number }> {
  const { columns, direction, by } = orderOf(sort)
  const isAfter = pageAfter(columns, direction, after)
  // Next to an index of the words, the index of the order would be read from the position to the end of the list.
  const isFurther = wordsOf(filter.q).every(isPlainLetter) ? isAfter : withoutIndex(isAfter)
  const rows = await rowsOf<ListedLead & { found: number }>(
    database,
    // Materialized, so that PostgreSQL does not read the index of the order, of which nobody knows how far it must be read.
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

/** The leads that a filter means, as the part of a statement that follows the columns of a SELECT. */
export function matchingLeads(filter: LeadFilter): SQL {
  return sql`FROM leads WHERE ${leadFilterCondition(filter)}`
}
