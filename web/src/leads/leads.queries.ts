import type { LeadFilter, LeadsQuery } from '@rollcall/shared'
import { useQuery } from '@pinia/colada'
import { call } from '../api/http.ts'

const leadsKey = 'leads'

/** One page of leads; the page before stays on the screen until the next is there. */
export function useLeadsList(query: () => LeadsQuery) {
  return useQuery({
    key: () => [leadsKey, 'list', { ...query() }],
    query: ({ signal }) => call('GET /crm/leads', { query: query() }, { signal }),
    placeholderData: (before) => before,
  })
}

/** How many leads a filter means, exactly; asked only where the list could not say so in time. */
export function useLeadsCount(filter: () => LeadFilter, isWanted: () => boolean) {
  return useQuery({
    key: () => [leadsKey, 'count', { ...filter() }],
    query: ({ signal }) => call('GET /crm/leads/count', { query: filter() }, { signal }),
    enabled: isWanted,
  })
}

export function useLeadFacets() {
  return useQuery({
    key: [leadsKey, 'facets'],
    query: ({ signal }) => call('GET /crm/leads/facets', {}, { signal }),
  })
}

export function useLeadDetail(id: () => string) {
  return useQuery({
    key: () => [leadsKey, 'detail', id()],
    query: ({ signal }) => call('GET /crm/leads/:id', { parameters: { id: id() } }, { signal }),
  })
}
