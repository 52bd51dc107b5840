import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/database/database.ts'
import { countExactly, totalOf } from './counting.ts'

let test: TestDatabase
beforeAll(async () => {
  test = await createTestDatabase()
})
afterAll(() => test.close())

it('The total of a short list is its exact count', async () => {
  const total = await totalOf(test.database, sql`FROM generate_series(1, 12345)`, 1)
  expect(total).toEqual({ total: 12_345, totalIsExact: true })
})

it('The total of a list that would take too long to count is an estimate, and says so', async () => {
  const many = sql`FROM generate_series(1, 123456789)`
  expect(await totalOf(test.database, many, 1)).toEqual({ total: 120_000_000, totalIsExact: false })
  expect(await totalOf(test.database, many, 130_000_001)).toEqual({ total: 130_000_001, totalIsExact: false })
})

it('An exact count counts all rows, however many there are', async () => {
  expect(await countExactly(test.database, sql`FROM generate_series(1, 3000000)`)).toBe(3_000_000)
})

it('A total of rows that cannot be read fails with the error of the database', async () => {
  await expect(totalOf(test.database, sql`FROM nowhere`, 1)).rejects.toThrow(/nowhere/)
})
