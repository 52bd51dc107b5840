import { sql, type SQL } from 'drizzle-orm'
import type { ItemFilter } from '@rollcall/shared'
import { countExactly } from '../../db/counting.ts'
import { rowsOf, type Database } from '../../db/database.ts'
import { optimizationFence } from '../../db/planner.ts'
import { allOf, likeWord, wordsOf } from '../../db/text.ts'
import type { ItemRow } from '../chunks/items.queries.ts'
import { accountStatesOfReason, mailStatesOfReason, reasonsWith } from './states-of-reasons.ts'

/** A range of ids of leads, both ends included. */
export interface LeadIdRange {
  first: string
  last: string
}

/** A part of a session's items: those after a position that a filter leaves. */
export interface ItemsPart {
  sessionId: string
  /**
   * Renders two SELECTs of ids of leads that together have every lead of a range whose names had all words of `q` when the items
   * were made from leads: `named` are those whose names are still the same, `renamed` are all others that were renamed since.
   */
  leadsOfSearch: (q: string, between: LeadIdRange) => { named: SQL; renamed: SQL }
  filter: ItemFilter
  /** The position after which the part begins; 0 for all items. */
  after: number
}

/** The first `limit` items of such a part. */
export interface ItemsPage extends ItemsPart {
  limit: number
}

/** Scans the next `within` items of the session in order, and returns those that the filter leaves. */
export async function scanItems(database: Database, part: ItemsPage, within: number): Promise<ItemRow[]> {
  return rowsOf<ItemRow>(
    database,
    sql`SELECT * FROM (
        SELECT * FROM items WHERE session_id = ${part.sessionId} AND position > ${part.after} ORDER BY position LIMIT ${within}
      ) items WHERE ${itemCondition(part.filter)} ORDER BY position LIMIT ${part.limit}`,
  )
}

/**
 * Finds the items that the filter leaves up to the position `until` by an index of what the filter asks for, and returns the
 * first of them in order; quick where the filter is selective. `found` is how many items were found in all.
 */
export async function findByIndex(
  database: Database,
  part: ItemsPage,
  until: number,
): Promise<{ rows: ItemRow[]; found: number }> {
  const { sessionId, filter, limit } = part
  const isSearch = wordsOf(filter.q).length > 0
  const rows = await rowsOf<ItemRow & { found: number }>(
    database,
    sql`WITH found AS MATERIALIZED (
        ${isSearch ? await positionsByName(database, part, until) : positionsByOutcome(part, until)}
      ), page AS MATERIALIZED (
        SELECT position FROM found ORDER BY position LIMIT ${limit}
      )
      SELECT items.*, (SELECT count(*)::int FROM found) AS found
      FROM page JOIN items ON items.session_id = ${sessionId} AND items.position = page.position ORDER BY items.position`,
  )
  return { rows, found: rows[0]?.found ?? 0 }
}

/** Counts the items that a filter with `q` leaves up to the position `until`, by the index of the leads' names. */
export async function countByName(database: Database, part: ItemsPart, until: number): Promise<number> {
  return countExactly(database, sql`FROM (${await positionsByName(database, part, until)}) found`)
}

/** Renders the condition of the items after the beginning of a part, up to the position `until`. */
function isInPart({ sessionId, after }: ItemsPart, until: number): SQL {
  return sql`items.session_id = ${sessionId} AND items.position > ${after} AND items.position <= ${until}`
}

/** Renders a SELECT of the positions of the items that a filter without `q` leaves. */
function positionsByOutcome(part: ItemsPart, until: number): SQL {
  const { sessionId, filter } = part
  return sql`SELECT items.position FROM ${itemsOfOpenChunks(sessionId, filter)}
    WHERE ${isInPart(part, until)} AND ${itemCondition(filter)} AND ${indexedCondition(filter)}`
}

/** Reads the range of the ids of the leads of these items; a session's items are in the order of these ids. */
async function leadIdsOf(database: Database, part: ItemsPart, until: number): Promise<LeadIdRange> {
  const [range] = await rowsOf<LeadIdRange & Record<string, unknown>>(
    database,
    sql`SELECT (SELECT lead_id FROM items WHERE ${isInPart(part, until)} ORDER BY position LIMIT 1) AS first,
      (SELECT lead_id FROM items WHERE ${isInPart(part, until)} ORDER BY position DESC LIMIT 1) AS last`,
  )
  return range!
}

/**
 * Renders a SELECT of the positions of the items that a filter with `q` leaves. An item whose lead has the same name as at
 * the start is found by the name that the lead has now; leads that were renamed since are compared with the item itself.
 */
async function positionsByName(database: Database, part: ItemsPart, until: number): Promise<SQL> {
  const { filter, leadsOfSearch } = part
  const { q = '', ...outcomes } = filter
  const { named, renamed } = leadsOfSearch(q, await leadIdsOf(database, part, until))
  const isNext = isInPart(part, until)
  return sql`SELECT items.position FROM (${named}) lead JOIN items ON items.lead_id = lead.id
      WHERE ${isNext} AND ${itemCondition(outcomes)} AND ${indexedCondition(outcomes)}
    UNION ALL SELECT items.position FROM (${renamed}) lead JOIN items ON items.lead_id = lead.id
      WHERE ${isNext} AND ${itemCondition(filter)} AND ${indexedCondition(outcomes)}`
}

/** Reads the next items that the filter leaves, in order and however far they lie apart: for an export, which needs them all. */
export async function readInOrder(
  database: Database,
  { sessionId, filter, after, limit }: Omit<ItemsPage, 'leadsOfSearch'>,
): Promise<ItemRow[]> {
  return rowsOf<ItemRow>(
    database,
    sql`SELECT * FROM items WHERE session_id = ${sessionId} AND position > ${after} AND ${itemCondition(filter)} ORDER BY position LIMIT ${limit}`,
  )
}

/** Renders the items of a session that the filter leaves, as what follows the columns of a SELECT. */
export function matchingItems(sessionId: string, filter: ItemFilter): SQL {
  return sql`FROM items WHERE session_id = ${sessionId} AND ${itemCondition(filter)}`
}

/** Renders the filter as a condition. Every word of `q` must stand somewhere in the address or the names, in any case. */
function itemCondition(filter: ItemFilter): SQL {
  const { account, mail, reason, q } = filter
  const text = sql`lower(items.email || ' ' || items.first_name || ' ' || items.last_name)`
  return allOf([
    ...(account === undefined ? [] : [sql`items.account_state = ${account}`]),
    ...(mail === undefined ? [] : [sql`items.mail_state = ${mail}`]),
    ...(reason === undefined ? [] : [sql`(items.mail_reason = ${reason} OR items.account_reason = ${reason})`]),
    ...wordsOf(q).map((word) => sql`${text} ${likeWord(word)}`),
  ])
}

/** Renders a condition that is true of the same items and that an index can answer: their reasons. */
function indexedCondition({ account, mail }: ItemFilter): SQL {
  const mailReasons = mail === undefined ? [] : reasonsWith(mailStatesOfReason, mail)
  const accountReasons = account === undefined ? [] : reasonsWith(accountStatesOfReason, account)
  return allOf([
    ...(mailReasons.length === 0 ? [] : [sql`items.mail_reason = ANY(${sql.param(mailReasons)}::text[])`]),
    ...(accountReasons.length === 0 ? [] : [sql`items.account_reason = ANY(${sql.param(accountReasons)}::text[])`]),
  ])
}

/**
 * Renders the table of items, or, for a filter of pending items, the items of the chunks that are not done: nothing is
 * pending in the others.
 */
function itemsOfOpenChunks(sessionId: string, { account, mail }: ItemFilter): SQL {
  const done =
    account === 'pending' ? sql`accounts_done` : mail === 'pending' || mail === 'sending' ? sql`mails_done` : null
  if (done === null) return sql`items`
  // The fence makes PostgreSQL read each chunk's range by key, whatever number of chunks it expects.
  return sql`(SELECT * FROM chunks WHERE session_id = ${sessionId} AND NOT ${done}) chunk CROSS JOIN LATERAL (
      SELECT * FROM items WHERE session_id = ${sessionId} AND position BETWEEN chunk.first_position AND chunk.last_position ${optimizationFence()}
    ) items`
}
