import { afterEach, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from './database.ts'

describe('a database for a test', () => {
  const open: TestDatabase[] = []
  afterEach(async () => {
    await Promise.all(open.splice(0).map((each) => each.close()))
  })

  it('a test database has every table, and shares nothing with another', async () => {
    const [one, other] = await Promise.all([createTestDatabase(), createTestDatabase()])
    open.push(one, other)
    await one.pool.query(`INSERT INTO staff_users (id, name, email) VALUES ('1', 'Ada', 'ada@example.com')`)
    const { rows } = await other.pool.query('SELECT count(*)::int AS staff FROM staff_users')
    expect(rows).toEqual([{ staff: 0 }])
  })

  it('closing a test database fails when a connection was never given back', async () => {
    const database = await createTestDatabase()
    await database.pool.connect()
    await expect(database.close()).rejects.toThrow('1 of the connections of the pool were taken and never given back.')
  })

  it('a test database lowers the letters of every script', async () => {
    const database = await createTestDatabase()
    open.push(database)
    const { rows } = await database.pool.query(`SELECT lower('ÄÉĞЖΩ') AS lowered`)
    expect(rows).toEqual([{ lowered: 'äéğжω' }])
  })
})
