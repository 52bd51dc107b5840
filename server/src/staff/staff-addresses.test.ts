import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../test/database/database.ts'

const migration = path.join(import.meta.dirname, '../../migrations/0013_staff_addresses_with_a_whole_domain.sql')

let test: TestDatabase
beforeAll(async () => {
  test = await createTestDatabase()
})
afterAll(() => test.close())

it('Staff whose address has no complete domain get one that the sign-in library accepts, and all others keep theirs', async () => {
  const emails = ['admin@localhost', 'root@intranet', 'ada@example.com', 'bob@office', 'bob@office.localhost']
  for (const email of emails)
    await test.pool.query('INSERT INTO staff_users (id, name, email) VALUES ($1, $1, $1)', [email])
  await test.pool.query(await readFile(migration, 'utf8'))
  const { rows } = await test.pool.query<{ id: string; email: string }>('SELECT id, email FROM staff_users')
  expect(Object.fromEntries(rows.map(({ id, email }) => [id, email]))).toEqual({
    'admin@localhost': 'admin@rollcall.localhost',
    'root@intranet': 'root@intranet.localhost',
    'ada@example.com': 'ada@example.com',
    'bob@office': 'bob@office',
    'bob@office.localhost': 'bob@office.localhost',
  })
})
