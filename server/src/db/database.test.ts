import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/database/database.ts'
import { openDatabase, openWorkerPool, rowsOf, type Queryable } from './database.ts'
import { prepare, value } from './prepared.ts'
import { settleAll } from '../util/settle-all.ts'

const add = prepare<{ id: number }>('test_add', sql`INSERT INTO noted (id) VALUES (${value('id')}) RETURNING id`)
const divide = prepare('test_divide', sql`SELECT 1 / ${value('by')}::int`)

let test: TestDatabase
let pool: ReturnType<typeof openWorkerPool>
beforeAll(async () => {
  test = await createTestDatabase()
  await test.pool.query('CREATE TABLE noted (id int PRIMARY KEY)')
  pool = openWorkerPool(test.url, { maximum: 1, onError: () => {} })
})
beforeEach(() => test.pool.query('TRUNCATE noted'))
afterAll(async () => {
  await pool.end()
  await test.close()
})

async function noted(): Promise<number[]> {
  const rows = await rowsOf<{ id: number }>(test.database, sql`SELECT id FROM noted ORDER BY id`)
  return rows.map(({ id }) => id)
}

describe('statements that are sent together', () => {
  it('Statements that are sent together run in the order of their calls, and each sees the one before', async () => {
    const counted = prepare<{ rows: number }>('test_count', sql`SELECT count(*)::int AS rows FROM noted`)
    const answers = await openDatabase(pool).transaction((transaction) =>
      settleAll([
        add.rows(transaction, { id: 1 }),
        counted.rows(transaction, {}),
        add.rows(transaction, { id: 2 }),
        counted.rows(transaction, {}),
      ]),
    )
    expect(answers).toEqual([[{ id: 1 }], [{ rows: 1 }], [{ id: 2 }], [{ rows: 2 }]])
    expect(await noted()).toEqual([1, 2])
  })

  it('Statements that are sent together change nothing where one of them fails, say what failed, and leave their connection usable', async () => {
    const database = openDatabase(pool)
    const failing = (by: number): Promise<unknown> =>
      database.transaction((transaction) =>
        settleAll([
          add.rows(transaction, { id: 3 }),
          divide.rows(transaction, { by }),
          add.rows(transaction, { id: 4 }),
        ]),
      )
    await expect(failing(0)).rejects.toThrow('division by zero')
    expect(await noted()).toEqual([])
    await failing(1)
    expect(await noted()).toEqual([3, 4])
  })
})

describe('a transaction', () => {
  it('A transaction fails where one of its statements failed, even when nobody waited for that statement', async () => {
    const careless = async (transaction: Queryable): Promise<void> => {
      await add.rows(transaction, { id: 5 })
      await divide.rows(transaction, { by: 0 }).catch(() => undefined)
    }
    await expect(openDatabase(pool).transaction(careless)).rejects.toThrow('undone')
    await expect(test.database.transaction(careless)).rejects.toThrow('undone')
    expect(await noted()).toEqual([])
  })
})
