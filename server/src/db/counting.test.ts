import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/database/database.ts'
import { countExactly, totalOf } from './counting.ts'

let test: TestDatabase
beforeAll(async () => {
  test = await createTestDatabase()
})
afterAll(() => test.close())

it('counts exactly what is not much', async () => {
  const total = await totalOf(test.database, sql`FROM generate_series(1, 12345)`, 1)
  expect(total).toEqual({ total: 12_345, totalIsExact: true })
})

it('says about how many there are, and that it is no count, where counting would take too long', async () => {
  const many = sql`FROM generate_series(1, 123456789)`
  expect(await totalOf(test.database, many, 1)).toEqual({ total: 120_000_000, totalIsExact: false })
  expect(await totalOf(test.database, many, 130_000_001)).toEqual({ total: 130_000_001, totalIsExact: false })
})

it('counts in full when it is asked for the exact number', async () => {
  expect(await countExactly(test.database, sql`FROM generate_series(1, 3000000)`)).toBe(3_000_000)
})

it('hides no other failure', async () => {
  await expect(totalOf(test.database, sql`FROM nowhere`, 1)).rejects.toThrow(/nowhere/)
})
