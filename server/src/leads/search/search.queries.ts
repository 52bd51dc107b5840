import { sql, type SQL } from 'drizzle-orm'
import type { LeadFilter, LeadSort } from '@rollcall/shared'
import { expectedOf } from '../../db/counting.ts'
import { rowsOf, type Queryable } from '../../db/database.ts'
import { pageAfter, type Position, type PositionKind } from '../../db/paging.ts'
import { allOf, likeWord, storableText, wordsOf } from '../../db/text.ts'
import { selectedLead, type LeadRow } from '../leads.queries.ts'
import { pairsOfSearchText } from '../leads.table.ts'

/** A lead of a list, with what the list may be ordered by. */
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

/** The same leads, in words that let an index find them quickly; that of the words is no choice where `narrow`. */
function indexedCondition(filter: LeadFilter, narrow = false): SQL {
  const { q, ...equal } = filter
  if (!isStorable(filter)) return sql`false`
  const { status, ...others } = equal
  const words = wordsOf(q)
  const found = [...equalities(others), ...words.map(narrow ? isComparedWithText : isFoundInText)]
  if (equalities(others).length === 0 && words.every(isPlainLetter)) {
    return allOf([...found, ...equalities({ status }), ...(hasAccount(filter) ? [hasAccountWith(status)] : [])])
  }
  // No index of leads tells a status but one that sums up pages: beside another index, it would have whole pages looked through.
  return allOf([...found, ...equalities({ status }).map((isSo) => sql`(${isSo}) IS TRUE`)])
}

function hasAccount({ status }: LeadFilter): boolean {
  return status === 'invited' || status === 'active'
}

function hasAccountWith(status: LeadFilter['status']): SQL {
  return sql`leads.id IN (SELECT account.lead_id FROM accounts account WHERE account.status = ${status})`
}

/** As many characters tell a word from most others; each more is one more list that the index of trigrams would read. */
const telling = 10

function isFoundInText(word: string): SQL {
  if (isPlainLetter(word)) return standsInText(word)
  const whole = isComparedWithText(word)
  // Without LIKE, so that the index of trigrams, which has each row that it finds looked at again, pairs and all, is no choice.
  if (!hasTrigram(word)) return hasPair(word) ? sql`(${whole} AND ${hasPairsOf(word)})` : whole
  const characters = Array.from(word)
  const beginning = characters.slice(0, telling).join('')
  const isLong = characters.length > telling && hasTrigram(beginning)
  return isLong ? sql`(${standsInText(beginning)} AND ${whole})` : standsInText(word)
}

/** No index knows this. */
function isComparedWithText(word: string): SQL {
  return sql`strpos(leads.search_text, lower(${word})) > 0`
}

/** So many leads are read and compared in some 25 milliseconds. */
const soonCompared = 12_000

/**
 * True where source, owner and import leave few leads, and the words of `q` by far more: an index of words would give half a
 * million of them only to leave out nearly all, which PostgreSQL takes for cheaper than it is.
 */
export async function isNarrowerThanItsWords(database: Queryable, filter: LeadFilter): Promise<boolean> {
  const { q, status: _, ...others } = filter
  if (wordsOf(q).length === 0 || equalities(others).length === 0 || !isStorable(filter)) return false
  const narrow = await expectedOf(database, sql`FROM leads WHERE ${allOf(equalities(others))}`)
  if (narrow.rows > soonCompared) return false
  return (await expectedWithWords(database, q)) > 10 * narrow.rows
}

/** About how many leads have the words of `q` anywhere, as PostgreSQL expects from its statistics. */
export async function expectedWithWords(database: Queryable, q: string | undefined): Promise<number> {
  const { rows } = await expectedOf(database, sql`FROM leads WHERE ${indexedCondition({ q })}`)
  return rows
}

/** Nearly all leads have it. */
function isPlainLetter(word: string): boolean {
  return /^[a-z0-9]$/i.test(word)
}

/** Trigrams are made of three letters or digits in a row; most names in Chinese have fewer. */
function hasTrigram(word: string): boolean {
  return /[\p{L}\p{N}]{3}/u.test(word)
}

/** Leads by their ids, both included. */
export interface IdRange {
  first: string
  last: string
}

/** The ids of the leads `between` in whose address or names the words of `q` stand, of those that have not had others since a time. */
export function leadsNamedSince(q: string, since: string, between: IdRange): SQL {
  const name = sql`lower(leads.email || ' ' || leads.first_name || ' ' || leads.last_name)`
  // With OR, so that the index of ids can only narrow what that of the words gives: by itself it would have every lead between read.
  const isBetween = sql`(leads.id BETWEEN ${between.first}::uuid AND ${between.last}::uuid OR leads.id = ${between.last}::uuid)`
  return sql`SELECT leads.id FROM leads WHERE ${indexedCondition({ q })}
    AND ${allOf(wordsOf(q).map((word) => sql`${name} ${likeWord(word)}`))} AND (leads.renamed_at >= ${since}::timestamptz) IS NOT TRUE
    AND ${isBetween}`
}

/** The ids of the leads whose address or a name was replaced since a time. */
export function leadsRenamedSince(since: string): SQL {
  return sql`SELECT leads.id FROM leads WHERE leads.renamed_at >= ${since}::timestamptz`
}

/** PostgreSQL has no text with some characters, so no lead matches them. */
function isStorable({ q, source, owner }: LeadFilter): boolean {
  return [q, source, owner].every((text) => text === undefined || storableText(text))
}

function standsInText(word: string): SQL {
  return sql`leads.search_text ${likeWord(word)}`
}

/** What `pairsOfSearchText` is cut at is in no pair. */
function hasPair(word: string): boolean {
  return !word.includes('\u0001')
}

/** The pairs of the word stand there; its only character stands at the beginning of a pair or alone. */
function hasPairsOf(word: string): SQL {
  const lower = sql`lower(${word}::text)`
  const length = Math.min(Array.from(word).length, telling)
  const pairs = Array.from({ length: length - 1 }, (_, index) => quoted(sql`substr(${lower}, ${index + 1}::int, 2)`))
  const asked = length === 1 ? sql`${quoted(lower)} || ':*'` : sql.join(pairs, sql` || ' & ' || `)
  return sql`${pairsOfSearchText} @@ (${asked})::tsquery`
}

/** A text as a term of a tsquery, whatever it consists of. */
function quoted(text: SQL): SQL {
  return sql`'''' || replace(replace(${text}, '\\', '\\\\'), '''', '''''') || ''''`
}

/** The most selective first. */
function equalities({ importId, owner, source, status }: Omit<LeadFilter, 'q'>): SQL[] {
  return [
    ...(importId === undefined ? [] : [sql`leads.import_id = ${importId}::uuid`]),
    ...(owner === undefined ? [] : [sql`leads.owner = ${owner}`]),
    ...(source === undefined ? [] : [sql`leads.source = ${source}`]),
    ...(status === undefined ? [] : [sql`leads.status = ${status}`]),
  ]
}

/** What a list can be ordered by: as many columns as make the order total, each with an index. */
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

/** A part of a list of leads. */
export interface LeadsPart {
  filter: LeadFilter
  sort: LeadSort
  limit: number
  after: Position | null
}

/**
 * The next leads that a filter means among the next `within` of the list, read in its order. Finds a page of what is
 * frequent at once; that it finds less than a page says nothing.
 */
export async function leadsNearby(
  database: Queryable,
  { filter, sort, limit, after }: LeadsPart,
  within: number,
): Promise<ListedLead[]> {
  const { field, columns, direction, by } = orderOf(sort)
  const byTime = field === 'createdAt' && isStorable(filter)
  // In the order of time each of these has an index of its own; a second one could only be read past, without a bound.
  const equal = byTime ? equalities({ ...filter, status: undefined }).slice(0, 1) : []
  const through = byTime && equal.length === 0 && hasAccount(filter)
  const next = through
    ? sql`SELECT leads.*, account.lead_created_at AS listed_at, account.lead_id AS listed_id
        FROM accounts account JOIN leads ON leads.id = account.lead_id
        WHERE account.status = ${filter.status} AND ${pageAfter(accountColumns, direction, after)}
        ORDER BY ${inDirection(accountColumns, direction)} LIMIT ${within}`
    : sql`SELECT * FROM leads WHERE ${allOf([...equal, pageAfter(columns, direction, after)])} ORDER BY ${by} LIMIT ${within}`
  return rowsOf(
    database,
    sql`SELECT ${selectedLead}, leads.email_key AS "emailKey" FROM (${next}) leads
      WHERE ${leadFilterCondition(filter)}
      ORDER BY ${through ? inDirection(listedColumns, direction) : by} LIMIT ${limit}`,
  )
}

/** The order of time of the leads that have an account, as their accounts know it: the status of both is the same. */
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
 * The next leads that a filter means, found by what it asks for and then put in order: the way to those that are few.
 * `found` is how many there are after the position. `narrow`: what `isNarrowerThanItsWords` says of the filter.
 */
export async function leadsAnywhere(
  database: Queryable,
  { filter, sort, limit, after }: LeadsPart,
  narrow: boolean,
): Promise<{ rows: ListedLead[]; found: number }> {
  const { columns, direction, by } = orderOf(sort)
  const isAfter = pageAfter(columns, direction, after)
  // Beside an index of words, that of the order would be read from the position to the end of the list.
  const isFurther = wordsOf(filter.q).every(isPlainLetter) ? isAfter : sql`(${isAfter}) IS TRUE`
  const rows = await rowsOf<ListedLead & { found: number }>(
    database,
    // Materialized, so that the index of the order is no choice: nobody knows how far it would have to be read.
    sql`WITH found AS MATERIALIZED (
        SELECT id, created_at, email_key, last_name, company FROM leads
        WHERE ${indexedCondition(filter, narrow)} AND ${isFurther}
      ), page AS MATERIALIZED (
        SELECT id FROM found leads ORDER BY ${by} LIMIT ${limit}
      )
      SELECT ${selectedLead}, leads.email_key AS "emailKey", (SELECT count(*)::int FROM found) AS found
      FROM page JOIN leads ON leads.id = page.id ORDER BY ${by}`,
  )
  return { rows, found: rows[0]?.found ?? 0 }
}

/** The leads that a filter means, as what follows the columns of a SELECT. */
export function matchingLeads(filter: LeadFilter): SQL {
  return sql`FROM leads WHERE ${leadFilterCondition(filter)}`
}
