import { sql } from 'drizzle-orm'
import fc from 'fast-check'
import type { Pool } from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../../test/database/database.ts'
import { openDatabase, openPool, rowsOf, type Database } from '../../db/database.ts'
import { pageOfLeads, selectionCondition } from './search.usecases.ts'
import { expectProperty } from '../../../test/properties/expect-property.ts'

/**
 * The characters of which texts are made. They include letters whose lower case is special, combining marks, characters of several
 * code units, and those that have a meaning in LIKE, in a tsquery and as the separator of pairs.
 */
const characters = [
  ...Array.from('aAbBzZqQ7éÉßẞıİiIσςΣñøØ田中村가ب%_\\\'"&|!:*()<>@.,-\u0001\u0301\u200d'),
  'e\u0301',
  '👍',
  '👩‍💻',
  '🏽',
]
const text = (maxLength: number) =>
  fc.array(fc.constantFrom(...characters), { minLength: 1, maxLength }).map((each) => each.join(''))

let test: TestDatabase
let pool: Pool
let database: Database
beforeAll(async () => {
  test = await createTestDatabase()
  const names = fc.sample(fc.tuple(text(6), text(8), text(4)), { numRuns: 3000, seed: 20_261_122 })
  await test.database.execute(sql`INSERT INTO leads (email, email_key, first_name, last_name, company, owner, status)
      SELECT 'P' || n || '@example.net', 'p' || n || '@example.net', first, last, company, CASE WHEN n % 3 = 0 THEN 'Grace' ELSE 'Bo' END,
        CASE WHEN n % 4 = 0 THEN 'active' ELSE 'new' END
      FROM unnest(${sql.param(names.map((each) => each[0]))}::text[], ${sql.param(names.map((each) => each[1]))}::text[],
        ${sql.param(names.map((each) => each[2]))}::text[]) WITH ORDINALITY AS each(first, last, company, n)`)
  await test.database
    .execute(sql`INSERT INTO accounts (id, lead_id, lead_created_at, email, email_key, status, token_digest, token_expires_at)
      SELECT uuidv7(), id, created_at, email, email_key, status, sha256(email::bytea), now() FROM leads WHERE status = 'active'`)
  await test.database.execute(sql`VACUUM ANALYZE leads, accounts`)
  // PostgreSQL would read so few leads one by one, without an index.
  pool = openPool(test.url, { maximum: 5, onError: () => {}, settings: { enable_seqscan: 'off' } })
  database = openDatabase(pool)
})
afterAll(async () => {
  await pool.end()
  await test.close()
})

/** Finds the leads in whose texts the words occur, without any index or pattern. */
async function plainly(q: string, filter: { owner?: string; status?: string }): Promise<string[]> {
  const words = q.split(/\s+/).filter((word) => word !== '')
  const rows = await rowsOf<{ id: string }>(
    test.database,
    sql`SELECT id FROM leads WHERE ${filter.owner ?? null}::text IS NOT DISTINCT FROM CASE WHEN ${filter.owner === undefined} THEN NULL ELSE owner END
        AND ${filter.status ?? null}::text IS NOT DISTINCT FROM CASE WHEN ${filter.status === undefined} THEN NULL ELSE status END
        AND NOT EXISTS (SELECT FROM unnest(${sql.param(words)}::text[]) AS word WHERE strpos(search_text, lower(word)) = 0)`,
  )
  return rows.map((row) => row.id).toSorted()
}

async function found(query: object, budget: { first: number; next: number }): Promise<string[]> {
  const ids: string[] = []
  let cursor: string | undefined
  do {
    const page = await pageOfLeads(database, { ...query, limit: 500, cursor }, budget)
    ids.push(...page.items.map((lead) => lead.id))
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined)
  return ids.toSorted()
}

const searches = fc.record({
  q: fc.array(text(3), { minLength: 1, maxLength: 2 }).map((words) => words.join(' ')),
  filter: fc.constantFrom<{ owner?: string; status?: 'active' }>({}, { owner: 'Grace' }, { status: 'active' }),
})

it('A search finds by its indexes, and a selection takes, exactly the leads in whose text every word stands, whatever the words are made of', async () => {
  await expectProperty(
    fc.asyncProperty(searches, async ({ q, filter }) => {
      const wanted = await plainly(q, filter)
      expect(await found({ q, ...filter }, { first: 1, next: 1 })).toEqual(wanted)
      const selected = await rowsOf<{ id: string }>(
        database,
        sql`SELECT id FROM leads WHERE ${selectionCondition({ q, ...filter })}`,
      )
      expect(selected.map((row) => row.id).toSorted()).toEqual(wanted)
    }),
    { runs: 300 },
  )
})

it('A search finds the same leads however many it scans in order before it uses the indexes', async () => {
  await expectProperty(
    fc.asyncProperty(searches, fc.integer({ min: 1, max: 4000 }), async ({ q, filter }, first) => {
      expect(await found({ q, ...filter }, { first, next: 3 * first })).toEqual(await plainly(q, filter))
    }),
    { runs: 60 },
  )
})
