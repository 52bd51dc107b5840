import { expect, it } from 'vitest'
import type { Progress } from '@rollcall/shared'
import { coalesceReads } from './coalesced-reads.ts'

/** Makes a database that answers when the test lets it, with the version that was stored when it was asked. */
function createStore() {
  const waiting: { ids: string[]; answer: (failing?: boolean) => void }[] = []
  const store = {
    version: 1,
    waiting,
    read: (ids: string[]) => {
      const { version } = store
      return new Promise<Progress[]>((resolve, reject) => {
        const answer = (failing = false) =>
          failing
            ? reject(new Error('the database is away'))
            : resolve(ids.filter((id) => id !== 'unknown').map((sessionId) => ({ sessionId, version }) as Progress))
        waiting.push({ ids, answer })
      })
    },
  }
  return store
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

it('a thousand callers that come while a read runs share one read that begins after they asked', async () => {
  const store = createStore()
  const read = coalesceReads(store.read)
  const first = read('a')
  const others = Array.from({ length: 1000 }, (_, index) => read(index % 2 === 0 ? 'a' : 'b'))
  store.version = 2
  store.waiting[0]?.answer()
  expect(await first).toEqual({ sessionId: 'a', version: 1 })
  await nextTurn()
  expect(store.waiting.map(({ ids }) => ids)).toEqual([['a'], ['a', 'b']])
  store.waiting[1]?.answer()
  expect(await Promise.all(others)).toEqual(
    Array.from({ length: 1000 }, (_, index) => ({ sessionId: index % 2 === 0 ? 'a' : 'b', version: 2 })),
  )
})

it('a read that fails rejects for everybody who shares it, and the next caller begins a new one', async () => {
  const store = createStore()
  const read = coalesceReads(store.read)
  const failing = read('a')
  const sharing = read('unknown')
  store.waiting[0]?.answer(true)
  await expect(failing).rejects.toThrow('away')
  await nextTurn()
  store.waiting[1]?.answer()
  expect(await sharing).toBeUndefined()
  await nextTurn()
  const later = read('a')
  store.waiting[2]?.answer()
  expect(await later).toEqual({ sessionId: 'a', version: 1 })
})
