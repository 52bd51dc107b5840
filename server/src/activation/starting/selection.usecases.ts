import { sql, type SQL } from 'drizzle-orm'
import type { Selection } from '@rollcall/shared'
import type { Queryable } from '../../db/database.ts'
import { DomainError } from '../../errors.ts'
import { selectionCondition } from '../../leads/search/search.usecases.ts'
import { unknownLeads } from './selection.queries.ts'

/** Renders a selection as a condition over the table `leads`. */
export function selectedLeads(selection: Selection): SQL {
  if ('ids' in selection) return sql`leads.id = ANY(${sql.param(selection.ids)}::uuid[])`
  const filter = selectionCondition(selection.filter)
  const except = selection.except ?? []
  return except.length === 0 ? filter : sql`(${filter}) AND leads.id <> ALL(${sql.param(except)}::uuid[])`
}

/** Throws LEADS_NOT_FOUND where a selection names ids that belong to no lead. */
export async function refuseUnknownLeads(database: Queryable, selection: Selection): Promise<void> {
  if (!('ids' in selection)) return
  const unknown = await unknownLeads(database, selection.ids)
  if (unknown.length > 0)
    throw new DomainError('LEADS_NOT_FOUND', 'Some of the selected leads do not exist; load the list again.', {
      ids: unknown,
    })
}
