import { sql, type SQL } from 'drizzle-orm'
import type { AccountReason, AccountState, ItemFilter, MailReason, MailState } from '@rollcall/shared'
import { countExactly } from '../../db/counting.ts'
import { rowsOf, type Database } from '../../db/database.ts'
import { optimizationFence } from '../../db/planner.ts'
import { allOf, likeWord, wordsOf } from '../../db/text.ts'
import { leadsOfSearch, type IdRange } from '../../leads/search/search.usecases.ts'
import type { ItemRow } from '../chunks/items.queries.ts'

/** The items of a session that a filter leaves. */
export interface ItemsPart {
  sessionId: string
  /** When the items were made of leads. */
  startedAt: Date
  filter: ItemFilter
  /** The position after which the part begins; 0: at the beginning. */
  after: number
}

/** A page of them. */
export interface ItemsPage extends ItemsPart {
  limit: number
}

/** The next items among the next `within` of the session that the filter leaves, read in their order. */
export async function itemsNearby(database: Database, part: ItemsPage, within: number): Promise<ItemRow[]> {
  return rowsOf<ItemRow>(
    database,
    sql`SELECT * FROM (
        SELECT * FROM items WHERE session_id = ${part.sessionId} AND position > ${part.after} ORDER BY position LIMIT ${within}
      ) items WHERE ${itemCondition(part.filter)} ORDER BY position LIMIT ${part.limit}`,
  )
}

/**
 * The next items that the filter leaves among those up to the position `until`, found by what it asks for and then put in
 * order: the way to those that are few. `found` is how many there are.
 */
export async function itemsAnywhere(
  database: Database,
  part: ItemsPage,
  until: number,
): Promise<{ rows: ItemRow[]; found: number }> {
  const { sessionId, filter, limit } = part
  const isSearch = wordsOf(filter.q).length > 0
  const rows = await rowsOf<ItemRow & { found: number }>(
    database,
    sql`WITH found AS MATERIALIZED (
        ${isSearch ? await itemsNamed(database, part, until) : itemsOfOutcome(part, until)}
      ), page AS MATERIALIZED (
        SELECT position FROM found ORDER BY position LIMIT ${limit}
      )
      SELECT items.*, (SELECT count(*)::int FROM found) AS found
      FROM page JOIN items ON items.session_id = ${sessionId} AND items.position = page.position ORDER BY items.position`,
  )
  return { rows, found: rows[0]?.found ?? 0 }
}

/** How many items a filter with `q` leaves up to the position `until`, found by the names that their leads have. */
export async function countNamed(database: Database, part: ItemsPart, until: number): Promise<number> {
  return countExactly(database, sql`FROM (${await itemsNamed(database, part, until)}) found`)
}

function arePositionsOf({ sessionId, after }: ItemsPart, until: number): SQL {
  return sql`items.session_id = ${sessionId} AND items.position > ${after} AND items.position <= ${until}`
}

/** The positions of the items that a filter without `q` leaves. */
function itemsOfOutcome(part: ItemsPart, until: number): SQL {
  const { sessionId, filter } = part
  return sql`SELECT items.position FROM ${whereItemsAre(sessionId, filter)}
    WHERE ${arePositionsOf(part, until)} AND ${itemCondition(filter)} AND ${indexedCondition(filter)}`
}

/** The leads of these items have ids from the first one's to the last one's, because that is their order in a session. */
async function leadsOfItems(database: Database, part: ItemsPart, until: number): Promise<IdRange> {
  const [range] = await rowsOf<IdRange & Record<string, unknown>>(
    database,
    sql`SELECT (SELECT lead_id FROM items WHERE ${arePositionsOf(part, until)} ORDER BY position LIMIT 1) AS first,
      (SELECT lead_id FROM items WHERE ${arePositionsOf(part, until)} ORDER BY position DESC LIMIT 1) AS last`,
  )
  return range!
}

/**
 * The positions of the items that a filter with `q` leaves. Whose name is still the same is found by the name that the lead has
 * now, among the leads of these items; of the item, the index tells the position.
 */
async function itemsNamed(database: Database, part: ItemsPart, until: number): Promise<SQL> {
  const { filter, startedAt } = part
  const { q = '', ...outcomes } = filter
  const { named, renamed } = leadsOfSearch(q, startedAt, await leadsOfItems(database, part, until))
  const areNext = arePositionsOf(part, until)
  return sql`SELECT items.position FROM (${named}) lead JOIN items ON items.lead_id = lead.id
      WHERE ${areNext} AND ${itemCondition(outcomes)} AND ${indexedCondition(outcomes)}
    UNION ALL SELECT items.position FROM (${renamed}) lead JOIN items ON items.lead_id = lead.id
      WHERE ${areNext} AND ${itemCondition(filter)} AND ${indexedCondition(outcomes)}`
}

/** The next items that the filter leaves, read through the session: for those who read them all. */
export async function itemsInOrder(
  database: Database,
  { sessionId, filter, after, limit }: ItemsPage,
): Promise<ItemRow[]> {
  return rowsOf<ItemRow>(
    database,
    sql`SELECT * FROM items WHERE session_id = ${sessionId} AND position > ${after} AND ${itemCondition(filter)} ORDER BY position LIMIT ${limit}`,
  )
}

/** The items of a session that the filter leaves, as what follows the columns of a SELECT. */
export function matchingItems(sessionId: string, filter: ItemFilter): SQL {
  return sql`FROM items WHERE session_id = ${sessionId} AND ${itemCondition(filter)}`
}

/** What the filter leaves; every word of `q` must stand somewhere in the address or the names, in any case. */
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

/** What is true of the same items and what indexes tell: their reasons. */
function indexedCondition({ account, mail }: ItemFilter): SQL {
  const mailReasons = mail === undefined ? [] : reasonsWith(mailStatesOfReason, mail)
  const accountReasons = account === undefined ? [] : reasonsWith(accountStatesOfReason, account)
  return allOf([
    ...(mailReasons.length === 0 ? [] : [sql`items.mail_reason = ANY(${sql.param(mailReasons)}::text[])`]),
    ...(accountReasons.length === 0 ? [] : [sql`items.account_reason = ANY(${sql.param(accountReasons)}::text[])`]),
  ])
}

/** What is pending is pending in a chunk that is not done. */
function whereItemsAre(sessionId: string, { account, mail }: ItemFilter): SQL {
  const done =
    account === 'pending' ? sql`accounts_done` : mail === 'pending' || mail === 'sending' ? sql`mails_done` : null
  if (done === null) return sql`items`
  // With OFFSET each chunk's range is read by key for itself, whatever is thought of how many there are.
  return sql`(SELECT * FROM chunks WHERE session_id = ${sessionId} AND NOT ${done}) chunk CROSS JOIN LATERAL (
      SELECT * FROM items WHERE session_id = ${sessionId} AND position BETWEEN chunk.first_position AND chunk.last_position ${optimizationFence()}
    ) items`
}

/** The states that an item may be in with a reason. A state that is nowhere here may come without one. */
const mailStatesOfReason: Record<MailReason, MailState[]> = {
  mail_off: ['skipped'],
  already_active: ['skipped'],
  already_invited: ['skipped'],
  account_failed: ['skipped'],
  temporary_failure: [],
  address_refused: ['failed'],
  mailbox_full: ['failed'],
  refused: ['failed'],
  not_composable: ['failed'],
  gave_up: ['failed'],
  answer_lost: ['unconfirmed'],
  worker_lost: ['unconfirmed'],
  cancelled: ['cancelled'],
}
const accountStatesOfReason: Record<AccountReason, AccountState[]> = {
  already_active: ['existing'],
  already_invited: ['existing'],
  invalid_address: ['failed'],
  cancelled: ['cancelled'],
}

function reasonsWith<State extends string>(statesOfReason: Record<string, State[]>, state: State): string[] {
  return Object.keys(statesOfReason).filter((reason) => statesOfReason[reason]?.includes(state))
}
