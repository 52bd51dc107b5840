import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { countExactly, totalOf } from './counting.ts'

let test: TestDatabase
beforeAll(async () => {
  test = await createTestDatabase()
})
afterAll(() => test.close())

it('counts exactly what is counted in time, and without a limit what is not much', async () => {
  const total = await totalOf(test.database, sql`FROM generate_series(1, 12345)`, {
    atLeast: 1,
    milliseconds: 30_000,
    soon: 0,
  })
  expect(total).toEqual({ total: 12_345, totalIsExact: true })
  const little = await totalOf(test.database, sql`FROM generate_series(1, 12345)`, { atLeast: 1, milliseconds: 0.001 })
  expect(little).toEqual({ total: 12_345, totalIsExact: true })
})

it('says about how many there are, and that it is no count, where counting takes too long', async () => {
  const many = sql`FROM generate_series(1, 123456789)`
  expect(await totalOf(test.database, many, { atLeast: 1, milliseconds: 1 })).toEqual({
    total: 120_000_000,
    totalIsExact: false,
  })
  const waiting = sql`FROM pg_sleep(60) WHERE now() < '2000-01-01' OR pg_sleep(60) IS NOT NULL`
  expect(await totalOf(test.database, waiting, { atLeast: 101, milliseconds: 1, soon: 0 })).toEqual({
    total: 101,
    totalIsExact: false,
  })
})

it('counts in full when it is asked for the exact number, also after it was too slow', async () => {
  const slow = sql`FROM generate_series(1, 300000)`
  await totalOf(test.database, slow, { atLeast: 1, milliseconds: 1 })
  expect(await Promise.all(Array.from({ length: 10 }, () => countExactly(test.database, slow)))).toEqual(
    Array.from({ length: 10 }, () => 300_000),
  )
})

it('hides no other failure', async () => {
  await expect(totalOf(test.database, sql`FROM nowhere`, { atLeast: 1 })).rejects.toThrow(/nowhere/)
})
