import type { SQL } from 'drizzle-orm'
import type { CountedList, Lead, LeadFilter, LeadsQuery } from '@rollcall/shared'
import { countExactly, totalOf, type Total } from '../../db/counting.ts'
import type { Database } from '../../db/database.ts'
import { cursorOf, positionOf, scanInOrder, type ScanBudget } from '../../db/keyset-paging.ts'
import { DomainError } from '../../errors.ts'
import { presentLead } from '../leads.usecases.ts'
import {
  expectedWithWords,
  findLeadsByIndex,
  hasFieldsMoreSelectiveThanWords,
  leadFilterCondition,
  leadsNamedSince,
  leadsRenamedSince,
  matchingLeads,
  positionKinds,
  positionOfLead,
  scanLeadsInOrder,
  type IdRange,
  type LeadsPart,
  type ListedLead,
} from './search.queries.ts'

export { expectedWithWords }

/** The condition over the table `leads` for the leads that a filter selects: exactly those that the list shows for it. */
export function selectionCondition(filter: LeadFilter): SQL {
  return leadFilterCondition(filter)
}

/**
 * Makes two SELECTs of ids that together contain every lead of a range whose address or names had all words of `q` at the time `at`.
 * `named` selects those whose address and names have not changed since. `renamed` selects all leads whose address or names
 * have changed since, because their former ones are not stored.
 */
export function leadsOfSearch(q: string, at: Date, between: IdRange): { named: SQL; renamed: SQL } {
  const since = new Date(at.getTime() - largestClockDifference).toISOString()
  return { named: leadsNamedSince(q, since, between), renamed: leadsRenamedSince(since) }
}

/** The longest time, in milliseconds, by which the clock of a process and that of the database may differ. */
const largestClockDifference = 10 * 60_000

/** The budget of a scan. With it, a page of 100 leads is found where a filter selects more than one lead in two hundred. */
const usualBudget: ScanBudget = { first: 2000, next: 18_000 }

/**
 * Returns a page of leads, by default the newest first. The total is exact where counting is quick. The cursor contains the
 * total, so that it is not counted again for the pages that follow.
 *
 * @throws DomainError BAD_CURSOR for a cursor of another order, and for a text that is no cursor of this list
 */
export async function pageOfLeads(
  database: Database,
  query: LeadsQuery,
  budget = usualBudget,
): Promise<CountedList<Lead>> {
  const { sort = '-createdAt', limit = 100, cursor, ...filter } = query
  const position = positionOf(cursor, ['text', 'integer', 'flag', ...positionKinds(sort)])
  if (position !== null && position[0] !== sort) {
    throw new DomainError('BAD_CURSOR', 'This cursor belongs to a list in another order; start from the first page.')
  }
  const known: Total | null =
    position === null ? null : { total: Number(position[1]), totalIsExact: Number(position[2]) === 1 }
  const part = { filter, sort, limit: limit + 1, after: position?.slice(3) ?? null }
  const { rows, found } = await findLeads(database, part, budget)
  const total = known ?? found ?? (await totalOf(database, matchingLeads(filter), rows.length))
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  const isLast = rows.length <= limit || last === undefined
  return {
    items: page.map(presentLead),
    nextCursor: isLast
      ? null
      : cursorOf([sort, total.total, total.totalIsExact ? 1 : 0, ...positionOfLead(sort, last)]),
    ...total,
  }
}

/** Finds frequent leads by a scan of the list, and rare ones by the indexes, which also gives their exact number. `found` is null after a scan. */
async function findLeads(
  database: Database,
  part: LeadsPart,
  budget: ScanBudget,
): Promise<{ rows: ListedLead[]; found: Total | null }> {
  const rows = await scanInOrder<ListedLead>(part.limit, budget, (last, limit, rows) =>
    scanLeadsInOrder(
      database,
      { ...part, limit, after: last === null ? part.after : positionOfLead(part.sort, last) },
      rows,
    ),
  )
  if (rows.length === part.limit) return { rows, found: null }
  const isSelective = await hasFieldsMoreSelectiveThanWords(database, part.filter)
  const all = await findLeadsByIndex(database, part, isSelective)
  return { rows: all.rows, found: { total: all.found, totalIsExact: true } }
}

/** Counts the leads that a filter selects exactly. Among a million leads this may take a second. */
export async function countOfLeads(database: Database, filter: LeadFilter): Promise<number> {
  return countExactly(database, matchingLeads(filter))
}
