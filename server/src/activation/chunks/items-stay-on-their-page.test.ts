import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../../test/database/database.ts'
import { insertItems } from '../starting/start.queries.ts'

const sessionId = 'activation_1767225600000_roomonpages1'

let test: TestDatabase
beforeAll(async () => (test = await createTestDatabase()))
afterAll(() => test.close())

/** Returns the pages that the items are on, in the order of their positions. */
async function pages(): Promise<number[]> {
  const { rows } = await test.pool.query<{ page: number }>(
    'SELECT (ctid::text::point)[0]::int AS page FROM items ORDER BY position',
  )
  return rows.map(({ page }) => page)
}

it('an item stays on its page through account, gate and outcome, also while older versions of its neighbours are still seen', async () => {
  await test.pool.query(
    `INSERT INTO leads (email, email_key, first_name, last_name, company)
     SELECT email, email, 'Katharina', 'Vogelsang', 'Vogelsang Maschinenbau' FROM (SELECT 'katharina.vogelsang.' || n || '@example.net' AS email FROM generate_series(1, 1000) n) each`,
  )
  await test.pool.query(
    `INSERT INTO sessions (id, status, total, accounts_pending, mails_pending, selection, options, request_digest, template, started_by_id, started_by_name, created_at, updated_at, snapshot_at)
     VALUES ($1, 'running', 1000, 1000, 1000, '{"filter": {}}', '{}', '', '{}', 'staff-1', 'Ada', now(), now(), now())`,
    [sessionId],
  )
  await insertItems(test.database, { sessionId, selected: sql`true`, chunkSize: () => 500 })
  const stored = await pages()
  expect(stored).toHaveLength(1000)

  await test.pool.query(`UPDATE items SET account_state = 'created', account_id = gen_random_uuid()`)
  expect(await pages()).toEqual(stored)
  const onlooker = await test.pool.connect()
  try {
    await onlooker.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    await onlooker.query('SELECT FROM items LIMIT 1')
    await test.pool.query(`UPDATE items SET mail_state = 'sending', first_try_at = now()`)
    expect(await pages()).toEqual(stored)
  } finally {
    await onlooker.query('ROLLBACK')
    onlooker.release()
  }
  await test.pool.query(
    `UPDATE items SET mail_state = 'sent', tries = 1, sent_at = now(), settled_by = 'answer', reply = '250 2.0.0 Ok: queued as 4XkPq21vTzz9'`,
  )
  expect(await pages()).toEqual(stored)
})
