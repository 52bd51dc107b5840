import { computed, type ComputedRef } from 'vue'

/** How many a list has in all, as far as it is known. */
export interface KnownTotal {
  /** Null until the list is there, or while there are only about so many. Only this one is acted on. */
  exact: ComputedRef<number | null>
  shown: ComputedRef<number>
  isEstimate: ComputedRef<boolean>
}

/** Of very many rows a page says about how many there are; `counted` is the exact number, once it was asked for. */
export function useTotal(
  list: () => { total: number; totalIsExact: boolean } | undefined,
  counted: () => { total: number } | undefined,
): KnownTotal {
  const exact = computed(() => (list()?.totalIsExact ? (list()?.total ?? null) : (counted()?.total ?? null)))
  return {
    exact,
    shown: computed(() => exact.value ?? list()?.total ?? 0),
    isEstimate: computed(() => exact.value === null && list() !== undefined),
  }
}
