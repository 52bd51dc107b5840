import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { leadSorts, type Lead, type LeadFilter, type LeadsQuery } from '@rollcall/shared'
import { createTestDatabase, type TestDatabase } from '../../../test/database/database.ts'
import { explaining, type Plan } from '../../../test/database/plans.ts'
import { rowsOf } from '../../db/database.ts'
import { hasFieldsMoreSelectiveThanWords, findLeadsByIndex } from './search.queries.ts'
import { countOfLeads, pageOfLeads, selectionCondition } from './search.usecases.ts'

const many = 25_000
/** So few that a table of this size is large beside it. */
const budget = { first: 200, next: 1800 }
const importId = crypto.randomUUID()

let test: TestDatabase
beforeAll(async () => {
  test = await createTestDatabase()
  await test.database
    .execute(sql`INSERT INTO leads (email, email_key, first_name, last_name, company, source, owner, status, import_id, created_at)
    SELECT address, address, CASE WHEN n % 3 = 0 THEN 'Ada' ELSE 'Bo' END,
      CASE WHEN n % 1000 = 7 THEN '田中' WHEN n % 1000 = 8 THEN '田村' ELSE 'Name ' || md5(n::text) END, md5(n || 'c'),
      'source ' || n % 50, CASE WHEN n < 200 THEN 'Early' ELSE 'Late' END,
      CASE WHEN n % 100 = 0 THEN 'active' WHEN n % 2 = 1 THEN 'invited' ELSE 'new' END, CASE WHEN n BETWEEN 50 AND 5000 THEN ${importId}::uuid END,
      timestamptz '2026-01-01' + n / 10 * interval '1 s'
    FROM (SELECT n, 'p' || n || CASE WHEN n % 2000 = 9 THEN '.zq' ELSE '' END || '@example.net' AS address FROM generate_series(1, ${many}::int) n) each`)
  await test.database
    .execute(sql`INSERT INTO accounts (id, lead_id, lead_created_at, email, email_key, status, token_digest, token_expires_at)
    SELECT uuidv7(), id, created_at, email, email_key, status, sha256(email::bytea), now() FROM leads WHERE status <> 'new'`)
  await test.database.execute(sql`VACUUM ANALYZE leads, accounts`)
})
afterAll(() => test.close())

const filters: [string, Omit<LeadsQuery, 'sort' | 'limit' | 'cursor'>][] = [
  ['nothing', {}],
  ['what a third of all have', { q: 'ada' }],
  ['one letter', { q: 'e' }],
  ['a word that one has', { q: 'p12345@' }],
  ['a word that nobody has', { q: 'xyzzy' }],
  ['two letters that few have', { q: 'zq' }],
  ['one character', { q: '田' }],
  ['two characters', { q: '田中' }],
  ['several words', { q: '田中 bo example' }],
  ['a status that few have', { status: 'active' }],
  ['a status that half have', { status: 'invited' }],
  ['a status and a search', { status: 'active', q: 'ada' }],
  ['a source', { source: 'source 7' }],
  ['an owner of old leads', { owner: 'Early' }],
  ['an owner and a search', { owner: 'Early', q: 'ada' }],
  ['an owner, a source and letters that most have', { owner: 'Late', source: 'source 7', q: 'bo' }],
  ['an import of old leads', { importId }],
  ['everything at once', { importId, status: 'new', source: 'source 7', owner: 'Late', q: 'name 7' }],
]

describe.each(filters)('a list filtered by %s', (_, filter) => {
  it.each(leadSorts)('in the order of %s has every lead once, page by page', async (sort) => {
    const selected = await rowsOf<{ id: string }>(
      test.database,
      sql`SELECT id FROM leads WHERE ${selectionCondition(filter)}`,
    )
    const wanted = new Set(selected.map((row) => row.id))
    expect(await countOfLeads(test.database, filter)).toBe(wanted.size)
    const seen: Lead[] = []
    let cursor: string | undefined
    do {
      const page = await pageOfLeads(test.database, { ...filter, sort, limit: 500, cursor }, budget)
      if (page.totalIsExact) expect(page.total).toBe(wanted.size)
      seen.push(...page.items)
      cursor = page.nextCursor ?? undefined
    } while (cursor !== undefined && seen.length < 2500)
    if (cursor === undefined) expect(seen).toHaveLength(wanted.size)
    expect(seen.every((lead) => wanted.has(lead.id))).toBe(true)
    expect(new Set(seen.map((lead) => lead.id)).size).toBe(seen.length)
    const field = sort.replace('-', '') as 'createdAt' | 'email' | 'lastName' | 'company'
    const values = seen.map((lead) => lead[field])
    const { compare } = new Intl.Collator('und')
    const ascending = field === 'email' ? values.toSorted() : values.toSorted(compare)
    expect(values).toEqual(sort.startsWith('-') ? ascending.toReversed() : ascending)
  })

  it('never reads all leads for a page', async () => {
    const plans: Plan[] = []
    for (const sort of leadSorts) {
      const first = await pageOfLeads(explaining(test.database, plans), { ...filter, sort, limit: 20 }, budget)
      if (first.nextCursor !== null)
        await pageOfLeads(
          explaining(test.database, plans),
          { ...filter, sort, limit: 20, cursor: first.nextCursor },
          budget,
        )
    }
    const pages = plans.filter(({ statement }) => !statement.startsWith('SELECT count(*)'))
    expect(pages.length).toBeGreaterThanOrEqual(leadSorts.length)
    for (const { text, readsAllOf } of pages) expect(readsAllOf, text).toEqual([])
  })
})

it('compares few leads with a word instead of asking an index for the many that have it, and finds the same', async () => {
  const few = { owner: 'Late', source: 'source 7' }
  const isSelective = (filter: LeadFilter): Promise<boolean> => hasFieldsMoreSelectiveThanWords(test.database, filter)
  expect(await isSelective({ ...few, q: 'bo' })).toBe(true)
  expect(await isSelective({ ...few, q: 'name' })).toBe(true)
  expect(await isSelective({ ...few, q: '田中' })).toBe(false)
  expect(await isSelective({ status: 'new', q: 'bo' })).toBe(false)
  expect(await isSelective(few)).toBe(false)

  const part = { filter: { ...few, q: 'bo' }, sort: 'email', limit: 100, after: null } as const
  const plans: Plan[] = []
  const compared = await findLeadsByIndex(explaining(test.database, plans), part, true)
  expect(plans[0]?.statement).not.toMatch(/LIKE|@@/)
  expect(compared).toEqual(await findLeadsByIndex(test.database, part, false))
  expect(compared.rows).toHaveLength(100)
})
