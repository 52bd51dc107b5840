import { computed } from 'vue'
import { useRoute, useRouter, type LocationQueryValue } from 'vue-router'

/** How each field of a filter is read from the address bar; undefined means "not filtered by it". */
export type FilterFields<Filter> = { readonly [Field in keyof Filter]-?: (text: string) => Filter[Field] | undefined }

/** Reads any text. */
export function anyText(text: string): string {
  return text
}

/** Reads one of these words; undefined for every other text. */
export function oneOf<Word extends string>(allowed: readonly Word[]): (text: string) => Word | undefined {
  return (text) => allowed.find((word) => word === text)
}

function firstText(value: LocationQueryValue | LocationQueryValue[] | undefined): string {
  return (Array.isArray(value) ? value[0] : value) ?? ''
}

/** A filter and an order that live in the address bar of the page that calls this. */
export function useAddressFilter<Filter extends object, Sort extends string>(
  fields: FilterFields<Filter>,
  readSort: (text: string) => Sort | undefined = () => undefined,
) {
  const route = useRoute()
  const router = useRouter()
  const names = Object.keys(fields) as (keyof Filter & string)[]
  const page = route.matched.at(-1)

  function readFilter(): Partial<Filter> {
    const values = names.map((name) => {
      const text = firstText(route.query[name])
      return [name, text === '' ? undefined : fields[name](text)] as const
    })
    return Object.fromEntries(values.filter(([, value]) => value !== undefined)) as Partial<Filter>
  }
  /** While another page is being entered, the address means something else, and what was read before stays. */
  const read = computed<{ filter: Partial<Filter>; sort: Sort | undefined }>((before) =>
    before && route.matched.at(-1) !== page
      ? before
      : { filter: readFilter(), sort: readSort(firstText(route.query['sort'])) },
  )
  const filter = computed(() => read.value.filter)
  const sort = computed(() => read.value.sort)

  /** Puts values into the address; those that are undefined are taken out. */
  function set(changes: { [Field in keyof Filter | 'sort']?: string | undefined }): void {
    void router.replace({ query: { ...route.query, ...changes } })
  }
  /** Takes the filter out of the address; the order and what else stands there stays. */
  function clear(): void {
    void router.replace({ query: { ...route.query, ...Object.fromEntries(names.map((name) => [name, undefined])) } })
  }
  return { filter, sort, isFiltered: computed(() => Object.keys(filter.value).length > 0), set, clear }
}
