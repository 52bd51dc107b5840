import type { LeadFilter } from '@rollcall/shared'
import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import { choose, countChosen, everything, isTooLong, nothing, toSelection, type Chosen } from './selection.ts'

/** Which leads are chosen; kept while other pages are looked at, and let go of when the filter changes. */
export const useLeadsStore = defineStore('leads', () => {
  const chosen = ref<Chosen>(nothing)
  const filterKey = ref('')

  function chooseRows(ids: readonly string[], wanted: boolean): void {
    chosen.value = choose(chosen.value, ids, wanted)
  }
  function chooseEverything(filter: LeadFilter, total: number): void {
    chosen.value = everything(filter, total)
  }
  function chooseNothing(): void {
    chosen.value = nothing
  }

  /** A choice made under one filter must not quietly reach rows that the next one hides. */
  function filteredBy(filter: LeadFilter): void {
    const key = JSON.stringify(filter)
    if (key !== filterKey.value) chooseNothing()
    filterKey.value = key
  }
  /** The server counted anew how many leads the filter matches. */
  function matched(total: number): void {
    if (chosen.value.kind === 'filter' && chosen.value.total !== total) chosen.value = { ...chosen.value, total }
  }

  return {
    chosen,
    count: computed(() => countChosen(chosen.value)),
    tooLong: computed(() => isTooLong(chosen.value)),
    selection: () => toSelection(chosen.value),
    chooseRows,
    chooseEverything,
    chooseNothing,
    filteredBy,
    matched,
  }
})
