import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { leadSorts, type Lead, type LeadFilter, type LeadSort, type LeadsQuery } from '@rollcall/shared'
import { createTestDatabase, type TestDatabase } from '../../../test/database/database.ts'
import { explaining, type Plan } from '../../../test/database/plans.ts'
import { rowsOf } from '../../db/database.ts'
import { hasFieldsMoreSelectiveThanWords, findLeadsByIndex } from './search.queries.ts'
import { countOfLeads, pageOfLeads, selectionCondition } from './search.usecases.ts'

const many = 25_000
/** The budget of a scan is so small that a table of this size is large beside it. */
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

type Filter = Omit<LeadsQuery, 'sort' | 'limit' | 'cursor'>

/** Tests that a list with this filter has every lead once, page by page, in each order, and that no page of it reads all leads. */
function listsEveryLead(title: string, filter: Filter): void {
  it(title, async () => {
    for (const sort of leadSorts) await expectEveryLeadOnce(filter, sort)
    await expectNoPageReadsAllLeads(filter)
  })
}

async function expectEveryLeadOnce(filter: Filter, sort: LeadSort): Promise<void> {
  const selected = await rowsOf<{ id: string }>(
    test.database,
    sql`SELECT id FROM leads WHERE ${selectionCondition(filter)}`,
  )
  const wanted = new Set(selected.map((row) => row.id))
  expect(await countOfLeads(test.database, filter), sort).toBe(wanted.size)
  const seen: Lead[] = []
  let cursor: string | undefined
  do {
    const page = await pageOfLeads(test.database, { ...filter, sort, limit: 500, cursor }, budget)
    if (page.totalIsExact) expect(page.total, sort).toBe(wanted.size)
    seen.push(...page.items)
    cursor = page.nextCursor ?? undefined
  } while (cursor !== undefined && seen.length < 2500)
  if (cursor === undefined) expect(seen, sort).toHaveLength(wanted.size)
  expect(
    seen.every((lead) => wanted.has(lead.id)),
    sort,
  ).toBe(true)
  expect(new Set(seen.map((lead) => lead.id)).size, sort).toBe(seen.length)
  const field = sort.replace('-', '') as 'createdAt' | 'email' | 'lastName' | 'company'
  const values = seen.map((lead) => lead[field])
  const { compare } = new Intl.Collator('und')
  const ascending = field === 'email' ? values.toSorted() : values.toSorted(compare)
  expect(values, sort).toEqual(sort.startsWith('-') ? ascending.toReversed() : ascending)
}

async function expectNoPageReadsAllLeads(filter: Filter): Promise<void> {
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
}

listsEveryLead('A list of leads without a filter is complete in every order without reading all leads for a page', {})
listsEveryLead(
  'A list of leads filtered by a word that a third of all have is complete in every order without reading all leads for a page',
  { q: 'ada' },
)
listsEveryLead(
  'A list of leads filtered by one letter is complete in every order without reading all leads for a page',
  { q: 'e' },
)
listsEveryLead(
  'A list of leads filtered by a word that one lead has is complete in every order without reading all leads for a page',
  { q: 'p12345@' },
)
listsEveryLead(
  'A list of leads filtered by a word that nobody has is complete in every order without reading all leads for a page',
  { q: 'xyzzy' },
)
listsEveryLead(
  'A list of leads filtered by two letters that few have is complete in every order without reading all leads for a page',
  { q: 'zq' },
)
listsEveryLead(
  'A list of leads filtered by one Chinese character is complete in every order without reading all leads for a page',
  { q: '田' },
)
listsEveryLead(
  'A list of leads filtered by two Chinese characters is complete in every order without reading all leads for a page',
  { q: '田中' },
)
listsEveryLead(
  'A list of leads filtered by several words is complete in every order without reading all leads for a page',
  { q: '田中 bo example' },
)
listsEveryLead(
  'A list of leads filtered by a status that few have is complete in every order without reading all leads for a page',
  { status: 'active' },
)
listsEveryLead(
  'A list of leads filtered by a status that half have is complete in every order without reading all leads for a page',
  { status: 'invited' },
)
listsEveryLead(
  'A list of leads filtered by a status and a word is complete in every order without reading all leads for a page',
  { status: 'active', q: 'ada' },
)
listsEveryLead('A list of leads filtered by a source is complete in every order without reading all leads for a page', {
  source: 'source 7',
})
listsEveryLead(
  'A list of leads filtered by an owner of old leads is complete in every order without reading all leads for a page',
  { owner: 'Early' },
)
listsEveryLead(
  'A list of leads filtered by an owner and a word is complete in every order without reading all leads for a page',
  { owner: 'Early', q: 'ada' },
)
listsEveryLead(
  'A list of leads filtered by an owner, a source and letters that most have is complete in every order without reading all leads for a page',
  { owner: 'Late', source: 'source 7', q: 'bo' },
)
listsEveryLead(
  'A list of leads filtered by an import of old leads is complete in every order without reading all leads for a page',
  { importId },
)
listsEveryLead(
  'A list of leads filtered by every field at once is complete in every order without reading all leads for a page',
  { importId, status: 'new', source: 'source 7', owner: 'Late', q: 'name 7' },
)

it('A search among few leads compares them with a word that many have instead of asking an index for it, and finds the same', async () => {
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
