import type { LeadField, LeadSort } from '@rollcall/shared'
import { formatCount } from '../numbers.ts'
import { counts } from './quantities.ts'

/** What the fields of a lead are called on screens, in the order they are shown. */
const fields: Record<LeadField, string> = {
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

const sorts: Record<LeadSort, string> = {
  '-createdAt': 'Newest first',
  createdAt: 'Oldest first',
  email: 'E-mail A–Z',
  '-email': 'E-mail Z–A',
  lastName: 'Last name A–Z',
  '-lastName': 'Last name Z–A',
  company: 'Company A–Z',
  '-company': 'Company Z–A',
}

export const leads = {
  fields,
  sorts,
  importFile: 'Import CSV',
  activate: (count: number) => `Activate (${formatCount(count)})`,
  total: (total: number, isEstimate: boolean, isFiltered: boolean) =>
    `${isEstimate ? 'about ' : ''}${counts.lead(total)}${isFiltered ? ' match the filter' : ''}`,
  filters: {
    label: 'Filter leads',
    search: 'Search leads',
    searchHint: 'Search name, e-mail, company',
    status: 'Status',
    anyStatus: 'Any status',
    source: 'Source',
    anySource: 'Any source',
    owner: 'Owner',
    anyOwner: 'Any owner',
    sort: 'Sort',
    onlyImported: 'Only the imported leads',
    removeOnlyImported: 'Only the imported leads: remove this filter',
  },
  columns: { name: 'Name', status: 'Status' },
  selection: {
    page: 'Select page',
    row: (email: string) => `Select ${email}`,
    none: 'Tick rows to choose whom to activate.',
    some: (count: number) => `${counts.lead(count)} selected.`,
    all: (count: number) => `All ${counts.lead(count)} selected.`,
    everything: (total: number) => `Select all ${formatCount(total)} that match the filter`,
    clear: 'Clear selection',
    tooLong: (most: number) =>
      `At most ${formatCount(most)} rows can be ticked one by one; use the filter to select more.`,
  },
  noMatch: {
    title: 'No lead matches',
    text: 'Change the search or the filters, or clear them to see every lead.',
  },
  empty: {
    title: 'There are no leads yet',
    forAdmins: 'Import a CSV file with a column of e-mail addresses. You choose what to activate afterwards.',
    forSupport: 'Ask an admin to import a CSV file of leads.',
    importFile: 'Import a file',
  },
}

export const lead = {
  fields: { title: 'The lead', added: 'Added', changed: 'Changed' },
  account: {
    title: 'The account',
    none: 'No account yet. Activate this lead from the leads page.',
    status: 'Status',
    created: 'Created',
    activated: 'Activated',
    linkExpires: 'Link good until',
  },
  sessions: {
    title: 'Sessions',
    columns: { session: 'Session', status: 'Status', account: 'Account', mail: 'Mail', reason: 'Reason' },
    empty: {
      title: 'Not in any session yet',
      text: 'Tick this lead on the leads page and press Activate.',
    },
  },
}
