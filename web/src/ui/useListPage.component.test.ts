import { PiniaColada } from '@pinia/colada'
import { createPinia } from 'pinia'
import { expect, test, vi } from 'vitest'
import { render } from 'vitest-browser-vue'
import { defineComponent, h } from 'vue'
import { createMemoryHistory, createRouter, RouterView } from 'vue-router'
import { oneOf } from './useAddressFilter.ts'
import { useListPage, type ListAnswer, type ListQuery } from './useListPage.ts'

interface Filter {
  q?: string
  colour?: 'red' | 'blue'
}
type Sort = 'name' | '-name'
type Ask = (query: ListQuery<Filter, Sort>) => Promise<ListAnswer<string>>

/** A list of 250 names in pages of 100, on a page of an app that has another page too. */
async function openList(ask: Ask = async (query) => pageOf(query), address = '/list') {
  let list: ReturnType<typeof useNames> | undefined
  const useNames = () =>
    useListPage<Filter, string, Sort>({
      pageSize: 100,
      fields: { q: (text) => text, colour: oneOf(['red', 'blue'] as const) },
      sort: oneOf(['name', '-name'] as const),
      list: (query) => ({ key: ['names', { ...query }], query: () => ask(query) }),
      count: () => ({ key: ['count'], query: async () => ({ total: 250 }) }),
    })
  const page = defineComponent(() => {
    list = useNames()
    return () => h('p', list?.rows.value.join(' '))
  })
  const other = defineComponent(() => () => h('p', 'Another page'))
  const router = createRouter({
    history: createMemoryHistory(),
    routes: [
      { path: '/list', component: page },
      { path: '/other', component: other },
    ],
  })
  await router.push(address)
  await render(RouterView, { global: { plugins: [router, createPinia(), PiniaColada] } })
  await expect.poll(() => list?.query.data).toBeDefined()
  return { router, list: list! }
}

function pageOf({ cursor }: { cursor?: string }): ListAnswer<string> {
  const first = cursor ? Number(cursor) : 1
  const last = Math.min(first + 99, 250)
  return { items: [`${first}–${last}`], total: 250, nextCursor: last < 250 ? String(last + 1) : null }
}

test('The filter and the order of a list are read from the address, without words that mean nothing', async () => {
  const { list } = await openList(undefined, '/list?q=ada&colour=green&sort=-name&other=1')
  expect(list.filter.value).toEqual({ q: 'ada' })
  expect(list.sort.value).toBe('-name')
  expect(list.isFiltered.value).toBe(true)
})

test('A filter that is set or cleared stands in the address, and what else stands there stays', async () => {
  const { router, list } = await openList(undefined, '/list?sort=name&other=1')
  list.set({ colour: 'red' })
  await expect.poll(() => router.currentRoute.value.query).toEqual({ sort: 'name', other: '1', colour: 'red' })
  list.clear()
  await expect.poll(() => router.currentRoute.value.query).toEqual({ sort: 'name', other: '1' })
})

test('Pages are gone through forth and back, and another filter begins at the first page', async () => {
  const { list } = await openList()
  expect(list.pages.value).toMatchObject({ first: 1, total: 250, hasBack: false, hasNext: true })
  list.pages.value.next()
  await expect.poll(() => list.rows.value).toEqual(['101–200'])
  list.pages.value.next()
  await expect.poll(() => list.rows.value).toEqual(['201–250'])
  expect(list.pages.value).toMatchObject({ first: 201, hasBack: true, hasNext: false })
  list.pages.value.back()
  await expect.poll(() => list.rows.value).toEqual(['101–200'])
  list.set({ q: 'ada' })
  await expect.poll(() => list.rows.value).toEqual(['1–100'])
  expect(list.pages.value).toMatchObject({ first: 1, hasBack: false })
})

test('A total that is estimated is shown as such until the exact one is known, and only that one is acted on', async () => {
  const estimate = async () => ({ items: ['1'], total: 260, totalIsExact: false, nextCursor: null })
  const { list } = await openList(estimate)
  await expect.poll(() => list.total.exact.value).toBe(250)
  expect(list.pages.value).toMatchObject({ total: 250, isEstimate: false })
})

test('The address of a page that is being entered is not read as the filter of the page that is left', async () => {
  const ask = vi.fn<Ask>(async (query) => pageOf(query))
  const { router, list } = await openList(ask, '/list?q=ada')
  await router.push('/other?q=grace')
  expect(list.filter.value).toEqual({ q: 'ada' })
  expect(ask).toHaveBeenCalledTimes(1)
})
