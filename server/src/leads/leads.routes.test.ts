import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { leadSorts, type CountedList, type Lead, type LeadDetail, type List } from '@rollcall/shared'
import { rowsOf } from '../db/database.ts'
import { createLeadsServer, formOf } from '../../test/app/leads.ts'
import { selectionCondition } from './search/search.usecases.ts'

let test: Awaited<ReturnType<typeof createLeadsServer>>
beforeAll(async () => {
  test = await createLeadsServer()
})
afterAll(() => test.close())
beforeEach(() => test.empty())

describe('the list of leads', () => {
  const people = Array.from({ length: 250 }, (_, at) => ({
    email: `${'zyxwv'[at % 5]}${at}@example.com`,
    firstName: ['Ada', 'Zoë', '貴大', 'Øystein', ''][at % 5]!,
    lastName: ['Lovelace', 'ärger', 'Zapf', '小池', ''][at % 5]!,
    company: ['Acme', 'acme', 'Ünal & Söhne', '', '100% Best_Co'][at % 5]!,
    source: ['Web', 'Referral'][at % 2]!,
    owner: ['Grace', 'Ada', 'Bo'][at % 3]!,
  }))

  beforeEach(async () => {
    await test.call('POST', '/crm/leads', { body: { leads: people } })
  })

  const list = (query: string) => test.call<CountedList<Lead>>('GET', `/crm/leads?${query}`, { role: 'support' })

  async function expectEveryLeadInOrder(sort: (typeof leadSorts)[number]): Promise<void> {
    const items: Lead[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const page: List<Lead> = (await list(`sort=${sort}&limit=40${cursor === '' ? '' : `&cursor=${cursor}`}`)).data
      expect(page.total, sort).toBe(250)
      items.push(...page.items)
      cursor = page.nextCursor
    }
    expect(new Set(items.map((lead) => lead.id)).size, sort).toBe(250)
    const field = sort.replace('-', '') as 'createdAt' | 'email'
    const values = items.map((lead) => lead[field])
    const ascending = sort.startsWith('-') ? values.toReversed() : values
    // Names are ordered as in a phone book, and addresses, which are all in ASCII, as the database orders them.
    const inDatabase = await rowsOf<{ email: string }>(test.database, sql`SELECT email FROM leads ORDER BY email_key`)
    const byEmail = inDatabase.map((row) => row.email)
    const { compare } = new Intl.Collator('und')
    expect(ascending, sort).toEqual(field === 'email' ? byEmail : values.toSorted(compare))
  }

  it('A list of leads gives every lead once over its pages, in each order', async () => {
    for (const sort of leadSorts) await expectEveryLeadInOrder(sort)
  })

  const totals: [string, number][] = [
    ['status=new', 250],
    ['status=active', 0],
    ['source=Web', 125],
    ['source=Web&owner=Grace', 42],
    ['source=', 0],
    ['q=', 250],
    ['q=ada', 50],
    ['q=LOVELACE%20ada', 50],
    ['q=ada%20zapf', 0],
    ['q=%C3%84RGER', 50],
    ['q=%E5%B0%8F%E6%B1%A0', 50],
    ['q=100%25', 50],
    ['q=100_', 0],
    ['q=t_co', 50],
    ['q=%5C', 0],
    ['q=z10', 1 + 2],
    [`importId=${'0'.repeat(8)}-0000-4000-8000-${'0'.repeat(12)}`, 0],
  ]

  it('A list of leads shows exactly the leads that a selection by the same filter takes', async () => {
    for (const [query, total] of totals) {
      const { status, data } = await list(`${query}&limit=500`)
      expect(status, query).toBe(200)
      expect([data.total, data.totalIsExact], query).toEqual([total, true])
      expect((await test.call('GET', `/crm/leads/count?${query}`, { role: 'support' })).data, query).toEqual({ total })
      const filter = Object.fromEntries(new URLSearchParams(query))
      const selected = await rowsOf<{ id: string }>(
        test.database,
        sql`SELECT id FROM leads WHERE ${selectionCondition(filter)}`,
      )
      const shownIds = data.items.map((lead) => lead.id).toSorted()
      expect(shownIds, query).toEqual(selected.map((row) => row.id).toSorted())
    }
  })

  it('A list of leads refuses a cursor that it never gave out, and one of another order', async () => {
    const { nextCursor } = (await list('sort=email&limit=1')).data
    for (const cursor of ['x', 'bnVsbA', Buffer.from('["email",1]').toString('base64url')]) {
      expect(await list(`sort=email&cursor=${cursor}`)).toMatchObject({ status: 400, code: 'BAD_CURSOR' })
    }
    for (const sort of ['-email', 'company', 'createdAt']) {
      expect(await list(`sort=${sort}&cursor=${nextCursor}`)).toMatchObject({ status: 400, code: 'BAD_CURSOR' })
    }
  })

  it('A list of leads refuses an unknown parameter, and a value that a parameter cannot have', async () => {
    for (const query of ['limit=0', 'limit=501', 'sort=phone', 'status=gone', 'importId=7', 'offset=3'])
      expect((await list(query)).status, query).toBe(400)
  })

  it('The facets of leads are the sources and owners that there are', async () => {
    expect((await test.call('GET', '/crm/leads/facets', { role: 'support' })).data).toEqual({
      sources: ['Referral', 'Web'],
      owners: ['Ada', 'Bo', 'Grace'],
    })
  })
})

describe('one lead', () => {
  it('A lead is created from JSON, then updated by its address', async () => {
    const created = await test.call<{ leads: Lead[] }>('POST', '/crm/leads', {
      body: { email: ' Ada@Example.com ', firstName: 'Ada', notes: 'first' },
    })
    expect(created).toMatchObject({ status: 201, data: { created: 1, updated: 0, unchanged: 0 } })
    const [lead] = created.data.leads
    expect(lead).toMatchObject({ email: 'Ada@Example.com', firstName: 'Ada', company: '', status: 'new' })

    const updated = await test.call<{ leads: Lead[] }>('POST', '/crm/leads', {
      body: { email: 'Ada@example.com', firstName: '', company: 'Analytical' },
    })
    expect(updated).toMatchObject({ status: 200, data: { created: 0, updated: 1, unchanged: 0 } })
    expect(updated.data.leads[0]).toMatchObject({
      id: lead?.id,
      firstName: 'Ada',
      company: 'Analytical',
      notes: 'first',
    })

    const detail = await test.call<LeadDetail>('GET', `/crm/leads/${lead?.id}`, { role: 'support' })
    expect(detail.data).toEqual({ lead: updated.data.leads[0], account: null, sessions: [] })
  })

  it('Many leads are all refused when one of them cannot be stored', async () => {
    const good = { email: 'a@example.com' }
    const invalid = await test.call('POST', '/crm/leads', { body: { leads: [good, { email: 'nobody' }] } })
    expect(invalid).toMatchObject({ status: 422, code: 'INVALID_ADDRESS', details: { index: 1, value: 'nobody' } })
    for (const firstName of ['a\0b', 'a\ud800b']) {
      const text = await test.call('POST', '/crm/leads', { body: { leads: [good, { ...good, firstName }] } })
      expect(text).toMatchObject({ status: 422, code: 'INVALID_TEXT', details: { index: 1, field: 'firstName' } })
    }
    expect(await test.everything()).toEqual([])
  })

  const malformedBodies: [string, object, RegExp][] = [
    ['no address', { firstName: 'Ada' }, /required property 'email'/],
    ['an unknown field', { email: 'a@example.com', status: 'active' }, /"status"/],
    ['a name that is too long', { email: 'a@example.com', firstName: 'x'.repeat(201) }, /firstName.*200/],
    ['an empty list', { leads: [] }, /leads/],
    ['a lead without an address among many', { leads: [{ email: 'a@example.com' }, {}] }, /leads\.1.*'email'/],
    ['1,001 leads', { leads: Array.from({ length: 1001 }, () => ({ email: 'a@example.com' })) }, /leads.*1000/],
  ]

  it('A lead with a malformed body is refused with a sentence that says what is wrong', async () => {
    for (const [name, body, sentence] of malformedBodies) {
      const answer = await test.call('POST', '/crm/leads', { body })
      expect([answer.status, answer.code], name).toEqual([400, 'BAD_REQUEST'])
      expect(answer.msg, name).toMatch(sentence)
    }
  })

  it('A lead that does not exist is answered with 404', async () => {
    expect(await test.call('GET', `/crm/leads/${crypto.randomUUID()}`)).toMatchObject({
      status: 404,
      code: 'LEAD_NOT_FOUND',
    })
    expect((await test.call('GET', '/crm/leads/7')).status).toBe(400)
  })
})

describe('the roles that may use the routes of leads', () => {
  const reads = ['', '/count', '/facets', `/${crypto.randomUUID()}`, `/imports/${crypto.randomUUID()}/rejections.csv`]

  it('Support may read leads, and nobody may who is not signed in', async () => {
    for (const path of reads) {
      const url = `/crm/leads${path}`
      const refused = await test.call('GET', url, { role: null })
      expect(refused, url).toMatchObject({ status: 401, code: 'SIGN_IN_REQUIRED' })
      const response = await test.server.inject({ url, headers: { 'x-role': 'support' } })
      expect([200, 404], url).toContain(response.statusCode)
    }
  })

  it('Only admins may create, import and preview leads', async () => {
    for (const path of ['', '/import', '/import/preview']) {
      await test.empty()
      const content =
        path === '' ? { body: { email: 'a@example.com' } } : await formOf({ file: 'Email\na@example.com\n' })
      const url = `/crm/leads${path}`
      const withoutSignIn = await test.call('POST', url, { ...content, role: null })
      expect(withoutSignIn, url).toMatchObject({ status: 401, code: 'SIGN_IN_REQUIRED' })
      const bySupport = await test.call('POST', url, { ...content, role: 'support' })
      expect(bySupport, url).toMatchObject({ status: 403, code: 'FORBIDDEN' })
      expect((await test.call('POST', url, { ...content, role: 'superadmin' })).status, url).toBeLessThan(300)
    }
  })
})
