import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { openDatabase, openKeyedPool, type Database } from '../db/database.ts'
import { ensureAccounts, type PersonWithoutAccount } from './accounts.usecases.ts'
import { linkKey } from './token.ts'

let test: TestDatabase
let keyed: Database
let pool: ReturnType<typeof openKeyedPool>
beforeAll(async () => {
  test = await createTestDatabase()
  pool = openKeyedPool(test.url, { maximum: 1, onError: () => {} })
  keyed = openDatabase(pool)
})
afterAll(async () => {
  await pool.end()
  await test.close()
})

const options = { linkKey: linkKey('a secret'), now: new Date('2027-01-01T12:00:00Z'), linkLifeDays: 7, remind: false }

/** Stores so many leads, each with a text for searches that repeats itself and with long notes. */
async function addLeads(source: string, count: number): Promise<PersonWithoutAccount[]> {
  const { rows } = await test.pool.query<PersonWithoutAccount>(
    `INSERT INTO leads (email, email_key, first_name, last_name, company, notes)
      SELECT email, email, 'Ada', 'Lovelace', repeat('Lovelace and Company ', 20), (SELECT string_agg(md5(n::text || m), '') FROM generate_series(1, 55) m)
      FROM (SELECT n, n || '.lovelace.lovelace@lovelace.' || $1 || '.example' AS email FROM generate_series(1, $2::int) n) made
      RETURNING id AS "leadId", email_key AS "emailKey", true AS "mayHaveNew"`,
    [source, count],
  )
  return rows
}

describe('ensureAccounts', () => {
  it('marks leads as invited without telling any index, however long they are', async () => {
    const people = await addLeads('long', 100)
    const { rows } = await test.pool.query<{ size: number; full: number }>(
      `SELECT pg_column_size(search_text) AS size, octet_length(search_text) AS full FROM leads LIMIT 1`,
    )
    expect(rows[0]!.size).toBeGreaterThanOrEqual(rows[0]!.full)
    const updates = await keyed.transaction(async (transaction) => {
      const ensured = await ensureAccounts(transaction, people, options)
      expect([...ensured.values()].every(({ created }) => created)).toBe(true)
      const { rows: counted } = await transaction.execute<{ all: string; inPlace: string }>(
        `SELECT n_tup_upd AS "all", n_tup_hot_upd AS "inPlace" FROM pg_stat_xact_user_tables WHERE relname = 'leads'`,
      )
      return counted[0]
    })
    expect(updates).toEqual({ all: '100', inPlace: '100' })
  })

  it('tells accounts that it made from those that there were', async () => {
    const people = await addLeads('mixed', 10)
    const first = await keyed.transaction((transaction) => ensureAccounts(transaction, people.slice(0, 4), options))
    const ensured = await keyed.transaction((transaction) =>
      ensureAccounts(
        transaction,
        people.map((person, index) => ({ ...person, mayHaveNew: index !== 9 })),
        options,
      ),
    )
    expect(people.map(({ emailKey }) => ensured.get(emailKey)?.created)).toEqual([
      ...Array.from({ length: 4 }, () => false),
      ...Array.from({ length: 5 }, () => true),
      undefined,
    ])
    for (const { emailKey } of people.slice(0, 4)) expect(ensured.get(emailKey)?.id).toBe(first.get(emailKey)?.id)
  })
})
