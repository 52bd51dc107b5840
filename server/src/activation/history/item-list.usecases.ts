import type {
  CountedList,
  ItemFilter,
  Item,
  ItemsQuery,
  LeadDetail,
  List,
  MailState,
  Progress,
  SessionDetail,
  SessionEvent,
  SessionsQuery,
} from '@rollcall/shared'
import type { Database } from '../../db/database.ts'
import { about, countExactly, type Total } from '../../db/counting.ts'
import { cutPage, positionOf, scanInOrder, type ScanBudget } from '../../db/keyset-paging.ts'
import { wordsOf } from '../../db/text.ts'
import { DomainError } from '../../errors.ts'
import { expectedWithWords } from '../../leads/search/search.usecases.ts'
import { senderOf } from '../../mail/address.ts'
import { readEvents, type EventRow } from '../session/events.queries.ts'
import {
  countNamed,
  itemsAnywhere,
  itemsInOrder,
  itemsNearby,
  matchingItems,
  type ItemsPage,
} from './item-list.queries.ts'
import { itemsOfLead, type ItemRow } from '../chunks/items.queries.ts'
import { unknownSession } from '../commands/commands.usecases.ts'
import { messageIdOf } from '../chunks/message-id.ts'
import { isoTime, isoTimeOrNull, presentProgress } from '../session/progress.presenter.ts'
import { readActiveProgress, readProgress, readSnapshots } from '../session/advance.queries.ts'
import { listSessions, readSession, type SessionRow } from '../session/sessions.queries.ts'

const defaultLimit = 100
/** More sessions than this at once are not followed live in one list. */
const activeLimit = 200

/** A page of the history, the newest first. */
export async function pageOfSessions(database: Database, query: SessionsQuery): Promise<List<Progress>> {
  const limit = query.limit ?? defaultLimit
  const { rows, total } = await listSessions(database, {
    ...query,
    limit,
    after: positionOf(query.cursor, ['time', 'text']),
  })
  const { page, nextCursor } = cutPage(rows, limit, (row) => [isoTime(row.created_at), row.id])
  return { items: page.map(presentProgress), nextCursor, total }
}

/** The latest progress of a session. Refuses an unknown one in the words of the contract. */
export async function latestProgress(database: Database, sessionId: string): Promise<Progress> {
  const [row] = await readProgress(database, [sessionId])
  if (row === undefined) throw new DomainError('SESSION_NOT_FOUND', 'No active activation session found')
  return presentProgress(row)
}

/** The progress of every session that is not over. */
export async function activeProgress(database: Database): Promise<Progress[]> {
  return (await readActiveProgress(database, activeLimit)).map(presentProgress)
}

/** Everything that is known of a session but its items. */
export async function sessionDetail(database: Database, sessionId: string): Promise<SessionDetail> {
  const session = await knownSession(database, sessionId)
  const events = await readEvents(database, new Map([[sessionId, 0]]))
  const progress = presentProgress(session)
  return {
    progress,
    options: session.options,
    selection: session.selection,
    startedBy: progress.startedBy,
    events: events.map(presentEvent),
  }
}

/** The stored snapshots of a session, oldest first, thinned evenly to `limit`. */
export async function snapshotsOf(
  database: Database,
  sessionId: string,
  limit: number | undefined,
): Promise<{ items: Progress[] }> {
  await knownSession(database, sessionId)
  return { items: (await readSnapshots(database, sessionId, limit ?? 500)).map(presentProgress) }
}

/** How far a page of items is looked for before all that are left are. */
interface ItemsReach {
  /** By reading on in the session; to compare names takes twice as long as to compare outcomes. */
  outcomes: ScanBudget
  names: ScanBudget
  /** By the index of names, among so many next items. */
  namesByIndex: number
}
/** Finds a page of outcomes that one in three hundred has, and of a name that one in a thousand has, without looking further. */
const usualReach: ItemsReach = {
  outcomes: { first: 2000, next: 28_000 },
  names: { first: 2000, next: 8000 },
  namesByIndex: 100_000,
}
/** So many items are read in some 20 milliseconds; of more than these, a total that the counters do not tell is not counted. */
const soonCounted = 20_000

/**
 * A page of a session's items. The total is exact where the session's counters tell it or counting takes a moment; else
 * the cursor carries it on from the first page.
 */
export async function pageOfItems(
  database: Database,
  sessionId: string,
  query: ItemsQuery,
  reach = usualReach,
): Promise<CountedList<Item>> {
  const session = await knownSession(database, sessionId)
  const { limit = defaultLimit, cursor, ...filter } = query
  const [after = 0, total, exact] = positionOf(cursor, ['integer', 'integer', 'flag'])?.map(Number) ?? []
  const carried = total === undefined ? null : { total, totalIsExact: exact === 1 }
  const part = { sessionId, startedAt: new Date(session.created_at), filter, after, limit: limit + 1 }
  const { rows, found } = await findItems(database, part, { reach, last: session.total })
  const known =
    totalOfCounters(session, filter) ?? carried ?? found ?? (await totalOfFrequent(database, session, { filter, rows }))
  const { page, nextCursor } = cutPage(rows, limit, (row) => [row.position, known.total, known.totalIsExact ? 1 : 0])
  return { items: page.map((row) => presentItem(row, session)), nextCursor, ...known }
}

/** Finds what is frequent by reading on, and what is rare by the indexes; that counts, too, where it goes to the last item. */
async function findItems(
  database: Database,
  part: ItemsPage,
  { reach, last }: { reach: ItemsReach; last: number },
): Promise<{ rows: ItemRow[]; found: Total | null }> {
  const isSearch = wordsOf(part.filter.q).length > 0
  const nearby = isSearch ? reach.names : reach.outcomes
  const left = last - part.after
  if (left <= 5 * nearby.first) return { rows: await itemsNearby(database, part, left), found: null }
  const near = await scanInOrder<ItemRow>(part.limit, nearby, (row, limit, within) =>
    itemsNearby(database, { ...part, limit, after: row === null ? part.after : row.position }, within),
  )
  if (near.length === part.limit) return { rows: near, found: null }
  const isLikely = near.length * reach.namesByIndex >= part.limit * nearby.first
  if (isSearch && isLikely && left > reach.namesByIndex) {
    const next = await itemsAnywhere(database, part, part.after + reach.namesByIndex)
    if (next.rows.length === part.limit) return { rows: next.rows, found: null }
  }
  const anywhere = await itemsAnywhere(database, part, last)
  return { rows: anywhere.rows, found: { total: anywhere.found, totalIsExact: true } }
}

/** How many items the filter leaves; in a large session about as many as the first that it leaves say. */
async function totalOfFrequent(
  database: Database,
  session: SessionRow,
  { filter, rows }: { filter: ItemFilter; rows: ItemRow[] },
): Promise<Total> {
  const last = rows.at(-1)
  if (last === undefined || session.total <= soonCounted)
    return { total: await countExactly(database, matchingItems(session.id, filter)), totalIsExact: true }
  return about((rows.length / last.position) * session.total, rows.length)
}

/** How many items the filter leaves, where the session's counters tell: they are what a recount gives. */
function totalOfCounters(session: SessionRow, { account, mail, reason, q }: ItemFilter): Total | null {
  if (reason !== undefined || wordsOf(q).length > 0) return null
  const asked = [account, mail].filter((state) => state !== undefined).length
  if (asked > 1) return null
  const { accounts, mails } = presentProgress(session)
  const total = account !== undefined ? accounts[account] : mail === undefined ? session.total : ofMails(mails, mail)
  return total === null ? null : { total, totalIsExact: true }
}

/** The counters call pending also what is being sent. */
function ofMails(mails: Progress['mails'], state: MailState): number | null {
  if (state !== 'pending' && state !== 'sending') return mails[state]
  return mails.pending === 0 ? 0 : null
}

/** How many items the filter leaves, exactly; of a million this may take a second. */
export async function countOfItems(database: Database, sessionId: string, filter: ItemFilter): Promise<number> {
  const session = await knownSession(database, sessionId)
  const known = totalOfCounters(session, filter)
  if (known !== null) return known.total
  // To find an item by the name of its lead takes up to five times as long as to read it.
  const isByName = wordsOf(filter.q).length > 0 && 5 * (await expectedWithWords(database, filter.q)) < session.total
  if (!isByName) return countExactly(database, matchingItems(sessionId, filter))
  return countNamed(database, { sessionId, startedAt: new Date(session.created_at), filter, after: 0 }, session.total)
}

/** All items of a session that the filter leaves, read by key a page at a time. */
export async function* allItems(database: Database, sessionId: string, filter: ItemFilter): AsyncGenerator<Item> {
  const session = await knownSession(database, sessionId)
  const startedAt = new Date(session.created_at)
  let after = 0
  for (;;) {
    const rows = await itemsInOrder(database, { sessionId, startedAt, filter, limit: 1000, after })
    for (const row of rows) yield presentItem(row, session)
    const last = rows.at(-1)
    if (last === undefined) return
    after = last.position
  }
}

/** The sessions that a lead was in, the newest first. */
export async function sessionsOfLead(database: Database, leadId: string): Promise<LeadDetail['sessions']> {
  const rows = await itemsOfLead(database, leadId, 100)
  return rows.map((row) => ({
    sessionId: row.session_id,
    status: row.status as LeadDetail['sessions'][number]['status'],
    createdAt: isoTime(row.created_at),
    account: row.account_state,
    mail: row.mail_state,
    reason: row.mail_reason ?? row.account_reason,
  }))
}

/** An event as screens and rooms show it. */
export function presentEvent(row: EventRow): SessionEvent {
  return {
    at: isoTime(row.at),
    type: row.type,
    actor: row.actor_id === null ? null : { id: row.actor_id, name: row.actor_name ?? '' },
    cause: row.cause,
    details: row.details,
  }
}

function presentItem(row: ItemRow, session: SessionRow): Item {
  const wasTried = row.first_try_at !== null
  return {
    lead: { id: row.lead_id, email: row.email, firstName: row.first_name, lastName: row.last_name },
    account: { state: row.account_state, reason: row.account_reason, accountId: row.account_id },
    mail: {
      state: row.mail_state,
      reason: row.mail_reason,
      tries: row.tries,
      nextTryAt: isoTimeOrNull(row.next_try_at),
      reply: row.reply,
      messageId: wasTried ? messageIdOf(session.id, row.position, senderOf(session.template.from).address) : null,
      sentAt: isoTimeOrNull(row.sent_at),
      settledBy: row.settled_by,
    },
  }
}

async function knownSession(database: Database, sessionId: string): Promise<SessionRow> {
  const session = await readSession(database, sessionId)
  if (session === null) throw unknownSession()
  return session
}
