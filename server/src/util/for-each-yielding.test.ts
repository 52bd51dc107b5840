import { describe, expect, it } from 'vitest'
import { forEachYielding } from './for-each-yielding.ts'

describe('forEachYielding', () => {
  it('A loop that yields visits every item in order', async () => {
    const visited: number[] = []
    const items = Array.from({ length: 1203 }, (_, index) => index)
    await forEachYielding(items, (item) => visited.push(item))
    expect(visited).toEqual(items)
  })

  it('A loop that yields lets the event loop serve others after every 500 items', async () => {
    let visits = 0
    const visitsWhenOthersRan: number[] = []
    setImmediate(() => visitsWhenOthersRan.push(visits))
    await forEachYielding(Array.from({ length: 1203 }), () => visits++)
    expect(visitsWhenOthersRan).toEqual([500])
    expect(visits).toBe(1203)
  })
})
