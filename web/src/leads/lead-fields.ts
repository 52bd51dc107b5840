import type { LeadField, LeadSort } from '@rollcall/shared'
import { words } from '../words/index.ts'

/** The fields of a lead in the order screens show them. */
export const leadFieldNames = Object.keys(words.leads.fields) as LeadField[]

/** The orders that leads can be listed in. */
export const leadSorts = Object.keys(words.leads.sorts) as LeadSort[]

/** "Ada Lovelace", or a dash. */
export function nameOf(person: { firstName: string; lastName: string }): string {
  return `${person.firstName} ${person.lastName}`.trim() || words.common.none
}
