import type { LeadFilter, LeadSort } from '@rollcall/shared'
import { leadStatuses, type LeadStatus } from '@rollcall/shared/statuses'
import { computed } from 'vue'
import { useRoute, useRouter, type LocationQueryValue } from 'vue-router'
import { sortOptions } from './fields.ts'

type Value = LocationQueryValue | LocationQueryValue[] | undefined

function text(value: Value): string | undefined {
  const first = Array.isArray(value) ? value[0] : value
  return first || undefined
}

function oneOf<Word extends string>(words: readonly Word[], value: Value): Word | undefined {
  return words.find((word) => word === text(value))
}

/** The filter and the order of the leads page. They live in the address, so that a reload or a link keeps them. */
export function useLeadFilters() {
  const route = useRoute()
  const router = useRouter()

  const filter = computed<LeadFilter>(() => {
    const { q, status, source, owner, importId } = route.query
    const all = {
      q: text(q),
      status: oneOf<LeadStatus>(leadStatuses, status),
      source: text(source),
      owner: text(owner),
      importId: text(importId),
    }
    return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
  })
  const sort = computed<LeadSort | undefined>(() =>
    oneOf<LeadSort>(
      sortOptions.map(({ value }) => value),
      route.query['sort'],
    ),
  )
  const isFiltered = computed(() => Object.keys(filter.value).length > 0)

  function set(changes: Partial<Record<keyof LeadFilter | 'sort', string | undefined>>): void {
    void router.replace({ query: { ...route.query, ...changes } })
  }
  function clear(): void {
    void router.replace({ query: { sort: sort.value } })
  }
  return { filter, sort, isFiltered, set, clear }
}
