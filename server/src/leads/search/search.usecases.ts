import type { SQL } from 'drizzle-orm'
import type { CountedList, Lead, LeadFilter, LeadsQuery } from '@rollcall/shared'
import { countExactly, totalOf, type Total } from '../../db/counting.ts'
import type { Database } from '../../db/database.ts'
import { cursorOf, positionOf, readThrough, type Reach } from '../../db/paging.ts'
import { DomainError } from '../../errors.ts'
import { presentLead } from '../leads.usecases.ts'
import {
  expectedWithWords,
  isNarrowerThanItsWords,
  leadFilterCondition,
  leadsAnywhere,
  leadsNearby,
  leadsNamedSince,
  leadsRenamedSince,
  matchingLeads,
  positionKinds,
  positionOfLead,
  type IdRange,
  type LeadsPart,
  type ListedLead,
} from './search.queries.ts'

export { expectedWithWords, type IdRange }

/** The leads that a filter selects, as a condition over the table `leads`: exactly those that the list shows for it. */
export function selectionCondition(filter: LeadFilter): SQL {
  return leadFilterCondition(filter)
}

/**
 * The leads `between` in whose address or names every word of `q` stood at a time, as two SELECTs of their ids: `named` had the
 * same names then as they have now, and of `renamed`, which may be others, too, nobody knows.
 */
export function leadsOfSearch(q: string, at: Date, between: IdRange): { named: SQL; renamed: SQL } {
  const since = new Date(at.getTime() - clocksDiffer).toISOString()
  return { named: leadsNamedSince(q, since, between), renamed: leadsRenamedSince(since) }
}

/** Milliseconds by which the clocks of a process and of the database may differ. */
const clocksDiffer = 10 * 60_000

/** Of what is more frequent than one in two hundred, a page is found by reading on in the list. */
const usualNearby: Reach = { first: 2000, next: 18_000 }

/**
 * A page of leads, by default the newest first. The total is exact where counting takes a moment; the cursor carries it
 * on, so that following pages cost the same in a long list as in a short one.
 *
 * @throws DomainError BAD_CURSOR for a cursor of another order, or none of ours
 */
export async function pageOfLeads(
  database: Database,
  query: LeadsQuery,
  nearby = usualNearby,
): Promise<CountedList<Lead>> {
  const { sort = '-createdAt', limit = 100, cursor, ...filter } = query
  const position = positionOf(cursor, ['text', 'integer', 'flag', ...positionKinds(sort)])
  if (position !== null && position[0] !== sort) {
    throw new DomainError('BAD_CURSOR', 'This cursor belongs to a list in another order; start from the first page.')
  }
  const known: Total | null =
    position === null ? null : { total: Number(position[1]), totalIsExact: Number(position[2]) === 1 }
  const part = { filter, sort, limit: limit + 1, after: position?.slice(3) ?? null }
  const { rows, found } = await findLeads(database, part, nearby)
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

/** Finds what is frequent by reading on, and what is rare by the indexes; the second way counts, too. */
async function findLeads(
  database: Database,
  part: LeadsPart,
  nearby: Reach,
): Promise<{ rows: ListedLead[]; found: Total | null }> {
  const rows = await readThrough<ListedLead>(part.limit, nearby, (last, limit, within) =>
    leadsNearby(
      database,
      { ...part, limit, after: last === null ? part.after : positionOfLead(part.sort, last) },
      within,
    ),
  )
  if (rows.length === part.limit) return { rows, found: null }
  const anywhere = await leadsAnywhere(database, part, await isNarrowerThanItsWords(database, part.filter))
  return { rows: anywhere.rows, found: { total: anywhere.found, totalIsExact: true } }
}

/** How many leads a filter means, exactly; of a million this may take a second. */
export async function countOfLeads(database: Database, filter: LeadFilter): Promise<number> {
  return countExactly(database, matchingLeads(filter))
}
