import { useQuery, type EntryKey, type DefineQueryOptions } from '@pinia/colada'
import { computed, reactive, watch } from 'vue'
import { useAddressFilter, type FilterFields } from './useAddressFilter.ts'
import { useCursorStack } from './useCursorStack.ts'
import { useRefreshOn } from './useRefresh.ts'

/** One page of a list as the server answers it; a total is exact unless it says otherwise. */
export interface ListAnswer<Row> {
  items: Row[]
  total: number
  totalIsExact?: boolean
  nextCursor: string | null
}

/** Filter, order and page of a list, as the contract's queries write them. */
export type ListQuery<Filter, Sort> = Partial<Filter> & { sort?: Sort; limit: number; cursor?: string }

interface ListPageOptions<Filter extends object, Sort extends string, Row> {
  pageSize: number
  fields: FilterFields<Filter>
  /** Reads the order from the address bar, for lists that can be sorted. */
  sort?: (text: string) => Sort | undefined
  /** The query for one page. */
  list: (query: ListQuery<Filter, Sort>) => DefineQueryOptions<ListAnswer<Row>>
  /** The query for the exact number of rows, asked only where the list could not say it in time. */
  count?: (filter: Partial<Filter>) => DefineQueryOptions<{ total: number }>
  /** Asks the pages whose key begins so again, whenever `on` changes. */
  refresh?: { key: () => EntryKey; on: () => string | number | undefined }
}

/** Where in a list its page is, as `PagerBar` shows it. */
export interface ListPages {
  /** The number of the first row of this page, from 1. */
  first: number
  shown: number
  total: number
  isEstimate: boolean
  hasBack: boolean
  hasNext: boolean
  back: () => void
  next: () => void
}

/**
 * A list with a filter, an order and pages. Filter and order live in the address bar, so that a reload or a link keeps
 * them; a change of either begins at the first page again. The page before stays until the next one is there.
 */
export function useListPage<Filter extends object, Row, Sort extends string = never>(
  options: ListPageOptions<Filter, Sort, Row>,
) {
  const { count, refresh } = options
  const address = useAddressFilter(options.fields, options.sort)
  const cursors = useCursorStack(options.pageSize)
  watch(() => JSON.stringify([address.filter.value, address.sort.value]), cursors.reset)

  const query = useQuery(() => ({
    ...options.list({
      ...address.filter.value,
      sort: address.sort.value,
      limit: options.pageSize,
      cursor: cursors.cursor.value,
    }),
    placeholderData: (before: ListAnswer<Row> | undefined) => before,
  }))
  const list = computed(() => query.data.value)
  const rows = computed(() => list.value?.items ?? [])
  const total = useTotal(() => list.value, count && (() => count(address.filter.value)))
  if (refresh) useRefreshOn(refresh.on, refresh.key)

  const pages = computed<ListPages>(() => ({
    first: cursors.first.value,
    shown: rows.value.length,
    total: total.shown.value,
    isEstimate: total.isEstimate.value,
    hasBack: cursors.hasBack.value,
    hasNext: list.value?.nextCursor != null,
    back: cursors.back,
    next: () => cursors.next(list.value?.nextCursor),
  }))
  return { ...address, query: reactive(query), rows, pages, total }
}

/** How many rows there are in all; where the list only estimates it, `count` is asked for the exact number. */
function useTotal(list: () => ListAnswer<unknown> | undefined, count?: () => DefineQueryOptions<{ total: number }>) {
  const isEstimated = () => list()?.totalIsExact === false
  const counted = count ? useQuery(() => ({ ...count(), enabled: isEstimated() })).data : undefined
  /** Null until the list is there, or while the number is an estimate. Only this one is acted on. */
  const exact = computed(() => (isEstimated() ? (counted?.value?.total ?? null) : (list()?.total ?? null)))
  return {
    exact,
    shown: computed(() => exact.value ?? list()?.total ?? 0),
    isEstimate: computed(() => exact.value === null && list() !== undefined),
  }
}
