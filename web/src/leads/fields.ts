import type { LeadField, LeadSort } from '@rollcall/shared'
import type { LeadStatus } from '@rollcall/shared/statuses'

/** What the fields of a lead are called on screens; the type makes the list complete. */
export const leadFieldWords: Record<LeadField, string> = {
  email: 'E-mail',
  firstName: 'First name',
  lastName: 'Last name',
  company: 'Company',
  phone: 'Phone',
  source: 'Source',
  owner: 'Owner',
  stage: 'Stage',
  notes: 'Notes',
}
export const leadFieldNames = Object.keys(leadFieldWords) as LeadField[]

export const leadStatusWords: Record<LeadStatus, string> = { new: 'New', invited: 'Invited', active: 'Active' }

const sortWords: Record<LeadSort, string> = {
  '-createdAt': 'Newest first',
  createdAt: 'Oldest first',
  email: 'E-mail A–Z',
  '-email': 'E-mail Z–A',
  lastName: 'Last name A–Z',
  '-lastName': 'Last name Z–A',
  company: 'Company A–Z',
  '-company': 'Company Z–A',
}
export const sortOptions = (Object.keys(sortWords) as LeadSort[]).map((value) => ({ value, label: sortWords[value] }))

/** "Ada Lovelace", or a dash. */
export function nameOf(person: { firstName: string; lastName: string }): string {
  return `${person.firstName} ${person.lastName}`.trim() || '—'
}
