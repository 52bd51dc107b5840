import type { LeadFilter, LeadsQuery } from '@rollcall/shared'
import { defineQueryOptions } from '@pinia/colada'
import { call } from '../api/http.ts'

/** Every query about leads begins with this key. */
export const leadsKey = ['leads']
/** Every page of the list of leads begins with this key. */
export const leadsListKey = [...leadsKey, 'list']

/** One page of leads. */
export const leadsPageQuery = defineQueryOptions((query: LeadsQuery) => ({
  key: [...leadsListKey, { ...query }],
  query: ({ signal }) => call('GET /crm/leads', { query }, { signal }),
}))

/** How many leads a filter means, exactly. */
export const leadsCountQuery = defineQueryOptions((filter: LeadFilter) => ({
  key: [...leadsKey, 'count', { ...filter }],
  query: ({ signal }) => call('GET /crm/leads/count', { query: filter }, { signal }),
}))

/** The sources and owners that leads have. */
export const leadFacetsQuery = defineQueryOptions({
  key: [...leadsKey, 'facets'],
  query: ({ signal }) => call('GET /crm/leads/facets', {}, { signal }),
})

/** One lead, its account and its sessions. */
export const leadQuery = defineQueryOptions((id: string) => ({
  key: [...leadsKey, 'detail', id],
  query: ({ signal }) => call('GET /crm/leads/:id', { parameters: { id } }, { signal }),
}))
