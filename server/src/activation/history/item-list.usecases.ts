import type { CountedList, Item, ItemFilter, ItemsQuery, MailState, Progress } from '@rollcall/shared'
import type { Database } from '../../db/database.ts'
import { about, countExactly, type Total } from '../../db/counting.ts'
import { cutPage, positionOf, scanInOrder, type ScanBudget } from '../../db/keyset-paging.ts'
import { wordsOf } from '../../db/text.ts'
import { expectedWithWords, leadsOfSearch } from '../../leads/search/search.usecases.ts'
import type { ItemRow } from '../chunks/items.queries.ts'
import { presentProgress } from '../session/progress.presenter.ts'
import { existingSession } from '../session/session.usecases.ts'
import type { SessionRow } from '../session/sessions.queries.ts'
import { presentItem } from './item.presenter.ts'
import {
  countByName,
  findByIndex,
  matchingItems,
  readInOrder,
  scanItems,
  type ItemsPage,
  type ItemsPart,
} from './item-list.queries.ts'

const defaultLimit = 100

/** How many of the next items are searched for a page before all items that are left are searched. */
interface ScanBudgets {
  /** For a scan in order that compares outcomes. */
  outcomes: ScanBudget
  /** For a scan in order that compares names, which takes twice as long for each item. */
  names: ScanBudget
  /** For a search by the index of names. */
  namesByIndex: number
}

/** With these budgets a page is found of outcomes that one item in 300 has, and of a name that one in 1,000 has. */
const defaultBudgets: ScanBudgets = {
  outcomes: { first: 2000, next: 28_000 },
  names: { first: 2000, next: 8000 },
  namesByIndex: 100_000,
}
/**
 * This many items are counted in some 20 ms. In a session with more, a total that the counters do not tell is estimated.
 */
const countableItems = 20_000

/**
 * Returns a page of a session's items. The total is exact where the session's counters tell it or counting is quick, else
 * an estimate; the cursor carries it to the following pages. Throws SESSION_NOT_FOUND and BAD_CURSOR.
 */
export async function pageOfItems(
  database: Database,
  sessionId: string,
  query: ItemsQuery,
  budgets = defaultBudgets,
): Promise<CountedList<Item>> {
  const session = await existingSession(database, sessionId)
  const { limit = defaultLimit, cursor, ...filter } = query
  const [after = 0, total, exact] = positionOf(cursor, ['integer', 'integer', 'flag'])?.map(Number) ?? []
  const carried = total === undefined ? null : { total, totalIsExact: exact === 1 }
  const part = { ...partOf(session, filter, after), limit: limit + 1 }
  const { rows, found } = await findItems(database, part, { budgets, last: session.total })
  const known =
    totalOfCounters(session, filter) ?? carried ?? found ?? (await countOrEstimate(database, session, { filter, rows }))
  const { page, nextCursor } = cutPage(rows, limit, (row) => [row.position, known.total, known.totalIsExact ? 1 : 0])
  return { items: page.map((row) => presentItem(row, session)), nextCursor, ...known }
}

/** The items of a session after a position that a filter leaves; names of leads are those at the start of the session. */
function partOf(session: SessionRow, filter: ItemFilter, after: number): ItemsPart {
  const startedAt = new Date(session.created_at)
  return {
    sessionId: session.id,
    filter,
    after,
    leadsOfSearch: (q, between) => leadsOfSearch(q, startedAt, between),
  }
}

/**
 * Finds the rows of a page: selective filters by an index, others by a scan in order. `found` is the number of all items
 * that the filter leaves, where the search covered them; else null.
 */
async function findItems(
  database: Database,
  part: ItemsPage,
  { budgets, last }: { budgets: ScanBudgets; last: number },
): Promise<{ rows: ItemRow[]; found: Total | null }> {
  const isSearch = wordsOf(part.filter.q).length > 0
  const budget = isSearch ? budgets.names : budgets.outcomes
  const left = last - part.after
  if (left <= 5 * budget.first) return { rows: await scanItems(database, part, left), found: null }
  const scanned = await scanInOrder<ItemRow>(part.limit, budget, (row, limit, within) =>
    scanItems(database, { ...part, limit, after: row === null ? part.after : row.position }, within),
  )
  if (scanned.length === part.limit) return { rows: scanned, found: null }
  const isLikelyToFillPage = scanned.length * budgets.namesByIndex >= part.limit * budget.first
  if (isSearch && isLikelyToFillPage && left > budgets.namesByIndex) {
    const next = await findByIndex(database, part, part.after + budgets.namesByIndex)
    if (next.rows.length === part.limit) return { rows: next.rows, found: null }
  }
  const { rows, found } = await findByIndex(database, part, last)
  return { rows, found: { total: found, totalIsExact: true } }
}

/**
 * Counts the items that the filter leaves. In a large session it estimates them instead, from how far the rows of the page
 * lie apart.
 */
async function countOrEstimate(
  database: Database,
  session: SessionRow,
  { filter, rows }: { filter: ItemFilter; rows: ItemRow[] },
): Promise<Total> {
  const last = rows.at(-1)
  if (last === undefined || session.total <= countableItems)
    return { total: await countExactly(database, matchingItems(session.id, filter)), totalIsExact: true }
  return about((rows.length / last.position) * session.total, rows.length)
}

/** Returns how many items the filter leaves, where the session's counters tell it; they equal a recount of the items. */
function totalOfCounters(session: SessionRow, { account, mail, reason, q }: ItemFilter): Total | null {
  if (reason !== undefined || wordsOf(q).length > 0) return null
  const asked = [account, mail].filter((state) => state !== undefined).length
  if (asked > 1) return null
  const { accounts, mails } = presentProgress(session)
  const total = account !== undefined ? accounts[account] : mail === undefined ? session.total : ofMails(mails, mail)
  return total === null ? null : { total, totalIsExact: true }
}

/** Returns the counter of a mail state; null where it is not known, because the counters call `sending` pending as well. */
function ofMails(mails: Progress['mails'], state: MailState): number | null {
  if (state !== 'pending' && state !== 'sending') return mails[state]
  return mails.pending === 0 ? 0 : null
}

/** Counts the items that the filter leaves, exactly; of a million this may take a second. Throws SESSION_NOT_FOUND. */
export async function countOfItems(database: Database, sessionId: string, filter: ItemFilter): Promise<number> {
  const session = await existingSession(database, sessionId)
  const known = totalOfCounters(session, filter)
  if (known !== null) return known.total
  // To find an item by the name of its lead takes up to five times as long as to read it.
  const isByName = wordsOf(filter.q).length > 0 && 5 * (await expectedWithWords(database, filter.q)) < session.total
  if (!isByName) return countExactly(database, matchingItems(sessionId, filter))
  return countByName(database, partOf(session, filter, 0), session.total)
}

/** Yields all items of a session that the filter leaves, in their order, read in steps of 1,000. Throws SESSION_NOT_FOUND. */
export async function* allItems(database: Database, sessionId: string, filter: ItemFilter): AsyncGenerator<Item> {
  const session = await existingSession(database, sessionId)
  let after = 0
  for (;;) {
    const rows = await readInOrder(database, { sessionId, filter, limit: 1000, after })
    for (const row of rows) yield presentItem(row, session)
    const last = rows.at(-1)
    if (last === undefined) return
    after = last.position
  }
}
