import type { Lead, LeadFilter, LeadSort } from '@rollcall/shared'
import { leadStatuses } from '@rollcall/shared/statuses'
import { anyText, oneOf } from '../ui/useAddressFilter.ts'
import { useListPage } from '../ui/useListPage.ts'
import { leadSorts } from './lead-fields.ts'
import { leadsCountQuery, leadsListKey, leadsPageQuery } from './leads.queries.ts'

const pageSize = 100

/**
 * The leads page's list. Rows turn from new to invited as the accounts of any session are made, so the page is asked again
 * when `accountsCreated` changes.
 */
export function useLeadsList(accountsCreated: () => number) {
  return useListPage<LeadFilter, Lead, LeadSort>({
    pageSize,
    fields: { q: anyText, status: oneOf(leadStatuses), source: anyText, owner: anyText, importId: anyText },
    sort: oneOf(leadSorts),
    list: leadsPageQuery,
    count: leadsCountQuery,
    refresh: { key: () => leadsListKey, on: accountsCreated },
  })
}
