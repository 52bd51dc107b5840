import { sql } from 'drizzle-orm'
import { readFile, readdir } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { leadSorts, type ImportResult, type Lead, type LeadDetail, type List, type Role } from '@rollcall/shared'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { rowsOf, type Queryable } from '../db/database.ts'
import { decorateWithStaff } from '../http/roles.ts'
import { createServer, type Server } from '../http/server.ts'
import { importMaximumBytes } from './imports.usecases.ts'
import { listLeads } from './leads.queries.ts'
import { leadsRoutes } from './leads.routes.ts'
import { selectionCondition } from './leads.usecases.ts'

let test: TestDatabase
let server: Server
let spoolFolder: string

beforeAll(async () => {
  test = await createTestDatabase()
  spoolFolder = await mkdtemp(join(tmpdir(), 'rollcall-leads-'))
  server = await createServer({ logger: pino({ level: 'silent' }), https: false })
  decorateWithStaff(server, {
    allowedOrigins: [],
    identify: async ({ 'x-role': role }) =>
      role === undefined
        ? null
        : { id: 'staff-1', name: 'Grace', email: 'grace@example.org', role: role as Role, sessionExpiresAt: null },
  })
  await server.register(leadsRoutes, {
    database: test.database,
    spoolFolder,
    accountOfLead: async () => null,
    sessionsOfLead: async () => [],
  })
})

afterAll(async () => {
  await server.close()
  await rm(spoolFolder, { recursive: true })
  await test.close()
})

beforeEach(async () => {
  await test.database.execute(sql`TRUNCATE leads, imports, import_rejections CASCADE`)
})

interface Answer<Data> {
  status: number
  data: Data
  code: string
  msg: string
  details: Record<string, unknown>
}

async function call<Data>(
  method: 'GET' | 'POST',
  url: string,
  options: { role?: Role | null; body?: object; form?: Buffer; headers?: Record<string, string> } = {},
): Promise<Answer<Data>> {
  const role = options.role === undefined ? 'admin' : options.role
  const response = await server.inject({
    method,
    url,
    payload: options.form ?? options.body,
    headers: { ...options.headers, ...(role === null ? {} : { 'x-role': role }) },
  })
  return { status: response.statusCode, ...response.json<Omit<Answer<Data>, 'status'>>() }
}

async function formOf(
  parts: Record<string, string | Buffer>,
): Promise<{ form: Buffer; headers: Record<string, string> }> {
  const data = new FormData()
  for (const [name, part] of Object.entries(parts)) {
    if (name === 'file') data.append(name, new Blob([Buffer.from(part)]), 'leads.csv')
    else data.append(name, part.toString())
  }
  const encoded = new Response(data)
  const type = encoded.headers.get('content-type') ?? ''
  return { form: Buffer.from(await encoded.arrayBuffer()), headers: { 'content-type': type } }
}

async function upload(file: string | Buffer, mapping?: object): Promise<Answer<ImportResult>> {
  const parts = { ...(mapping === undefined ? {} : { mapping: JSON.stringify(mapping) }), file }
  return call('POST', '/crm/leads/import', await formOf(parts))
}

async function everything(): Promise<Lead[]> {
  const { data } = await call<List<Lead>>('GET', '/crm/leads?sort=email&limit=500', { role: 'support' })
  return data.items
}

const sample = readFile(new URL('../../test/fixtures/leads-sample.csv', import.meta.url))

describe('an import', () => {
  it('takes the export of a CRM as it is, and the same file again changes nothing', async () => {
    const first = await upload(await sample)
    expect(first.status).toBe(200)
    const { rows, created, updated, unchanged, rejected } = first.data
    expect(rows).toBe(2000)
    expect(created + updated + unchanged + rejected).toBe(2000)
    expect(first.data.rejections).toHaveLength(rejected)

    const list = await call<List<Lead>>('GET', `/crm/leads?importId=${first.data.importId}&limit=1`)
    expect(list.data.total).toBe(created)

    const again = await upload(await sample)
    expect(again.data).toMatchObject({ rows: 2000, created: 0, rejected })
    const moved = await call<List<Lead>>('GET', `/crm/leads?importId=${again.data.importId}&limit=1`)
    expect(moved.data.total).toBe(created)
    expect((await call<List<Lead>>('GET', `/crm/leads?importId=${first.data.importId}`)).data.total).toBe(0)

    const [found] = (await call<List<Lead>>('GET', '/crm/leads?q=ewell.quitzon')).data.items
    expect(found).toMatchObject({
      email: 'ewell.quitzon.1@example.net',
      firstName: 'Tyrel',
      lastName: 'Howell',
      company: 'McLaughlin - Boyer',
      phone: '780.891.4484 x0627',
      source: 'Referral',
      owner: 'Shelia Price',
      stage: 'Negotiation',
      status: 'new',
    })
  })

  it('updates what a later file says, and keeps what it leaves empty or does not have', async () => {
    await upload('Email,First name,Last name,Company\nAda@Example.com,Ada,Byron,Analytical\nbo@example.com,Bo,,\n')
    await test.database.execute(sql`UPDATE leads SET status = 'invited', updated_at = '2020-01-01'`)
    const { data } = await upload('Email,First name,Last name\nada@example.com,,Lovelace\nbo@example.com,Bo,\n')
    expect(data).toMatchObject({ rows: 2, created: 0, updated: 1, unchanged: 1, rejected: 0 })

    const [ada, bo] = await everything()
    expect(ada).toMatchObject({
      email: 'ada@example.com',
      firstName: 'Ada',
      lastName: 'Lovelace',
      company: 'Analytical',
      status: 'invited',
    })
    expect(ada?.updatedAt).not.toBe('2020-01-01T00:00:00.000Z')
    expect(bo?.updatedAt).toBe('2020-01-01T00:00:00.000Z')
  })

  it('lays a second row with the same address over the first, and counts each row once', async () => {
    const { data } = await upload(
      [
        'Email,First name,Company',
        'a@example.com,Ann,',
        'A@EXAMPLE.COM,,Acme',
        'a@example.com,Ann,Acme',
        'b@example.com,Bo,',
        'a@example.com,Anna,',
      ].join('\n'),
    )
    // The second row writes the address otherwise, the third as before, the last changes the name.
    expect(data).toMatchObject({ rows: 5, created: 2, updated: 3, unchanged: 0, rejected: 0 })
    expect(await everything()).toMatchObject([
      { email: 'a@example.com', firstName: 'Anna', company: 'Acme' },
      { email: 'b@example.com', firstName: 'Bo' },
    ])
    const repeated = await upload(
      'Email,Company\nb@example.com,\nb@example.com,\nb@example.com,Best\nb@example.com,Best\n',
    )
    expect(repeated.data).toMatchObject({ rows: 4, created: 0, updated: 1, unchanged: 3 })
  })

  it('adds up over many chunks with doubled addresses in each', async () => {
    const rows = Array.from(
      { length: 9000 },
      (_, at) => `person${at % 2500}@example.com,${at % 3 === 0 ? 'Ann' : 'Bo'}`,
    )
    const { data } = await upload(`Email,First name\n${rows.join('\n')}\nnobody,Ann\n`)
    expect(data.rows).toBe(9001)
    expect(data).toMatchObject({ created: 2500, rejected: 1 })
    expect(data.created + data.updated + data.unchanged + data.rejected).toBe(9001)
    const names = new Map((await everything()).map((lead) => [lead.email, lead.firstName]))
    expect(names.get('person0@example.com')).toBe('Ann')
  })

  it('rejects what cannot be a lead, with its line, a reason and the value', async () => {
    const { data } = await upload(
      Buffer.concat([
        Buffer.from('Email,First name,Notes\n'),
        Buffer.from('nobody,Ann,"two\nlines"\n'),
        Buffer.from(',Ann,\n'),
        Buffer.from(`a@example.com,${'x'.repeat(201)},\n`),
        Buffer.from('\n'),
        Buffer.from('b@example.com,Bo,one,two,three\n'),
        Buffer.from('c@example.com,Z\0oe,\n'),
        Buffer.from('"d@example.com\r\nBcc: e@example.com",Di,\n'),
        Buffer.from('f@example.com,Fé,\ng@example.com,Gé,\n'),
        Buffer.concat([Buffer.from('h@example.com,'), Buffer.from([0xff]), Buffer.from(',\n')]),
        Buffer.from('ok@example.com,Ok,\n'),
      ]),
    )
    expect(data).toMatchObject({ rows: 10, created: 3, rejected: 7 })
    expect(data.rejections.map(({ line, value }) => [line, value.slice(0, 40)])).toEqual([
      [2, 'nobody'],
      [4, ''],
      [5, 'x'.repeat(40)],
      [7, 'two | three'],
      [8, 'Z␀oe'],
      [9, 'd@example.com\r\nBcc: e@example.com'],
      [13, '\ufffd'],
    ])
    for (const { reason } of data.rejections) expect(reason).toMatch(/^[A-Z].*\.$/)
    expect(data.rejections[2]?.reason).toBe('The first name has 201 characters; at most 200 fit.')
    expect((await everything()).map((lead) => lead.email)).toEqual(['f@example.com', 'g@example.com', 'ok@example.com'])
  })

  it('gives all rejected rows as CSV that no spreadsheet takes for formulas', async () => {
    const bad = Array.from({ length: 2500 }, (_, at) => (at === 0 ? '=1+1' : `nobody ${at}`))
    const { data } = await upload(`Email\n${bad.join('\n')}\n`)
    expect(data.rejections).toHaveLength(1000)
    const csv = await server.inject({
      url: `/crm/leads/imports/${data.importId}/rejections.csv`,
      headers: { 'x-role': 'support' },
    })
    expect(csv.headers['content-type']).toBe('text/csv; charset=utf-8')
    const lines = csv.body.trimEnd().split('\r\n')
    expect(lines).toHaveLength(2501)
    expect(lines[0]).toBe('\ufeffline,reason,value')
    expect(lines[1]).toMatch(/^2,.*,'=1\+1$/)
    expect(lines[2500]).toMatch(/^2501,.*,nobody 2499$/)

    const unknown = await call('GET', `/crm/leads/imports/${crypto.randomUUID()}/rejections.csv`)
    expect([unknown.status, unknown.code]).toEqual([404, 'IMPORT_NOT_FOUND'])
  })

  it('asks for a mapping when no column is the address, and names the headers', async () => {
    const answer = await upload('Who,Reach at,Firm\nAda Lovelace,ada@example.com,Analytical\n')
    expect([answer.status, answer.code]).toEqual([422, 'IMPORT_NEEDS_MAPPING'])
    expect(answer.details.headers).toEqual(['Who', 'Reach at', 'Firm'])

    const mapping = { email: 'Reach at', firstName: 'Who', lastName: 'Who', company: 'Firm' }
    expect(
      (await upload('Who,Reach at,Firm\nAda King Lovelace,ada@example.com,Analytical\n', mapping)).data.created,
    ).toBe(1)
    expect(await everything()).toMatchObject([{ firstName: 'Ada', lastName: 'King Lovelace', company: 'Analytical' }])
  })

  it('takes a given mapping as it is, after the file in the form too', async () => {
    const parts = { file: 'Email,Email,Company\na@example.com,b@example.com,Acme\n', mapping: '{"email": "Email (2)"}' }
    const { data } = await call<ImportResult>('POST', '/crm/leads/import', await formOf(parts))
    expect(data.created).toBe(1)
    expect(await everything()).toMatchObject([{ email: 'b@example.com', company: '' }])
  })

  it('refuses a mapping with an unknown header, without an address, or that is none', async () => {
    const file = 'Email,Company\na@example.com,Acme\n'
    const unknown = await upload(file, { email: 'E-Mail' })
    expect([unknown.status, unknown.code, unknown.details.unknown]).toEqual([422, 'IMPORT_NEEDS_MAPPING', ['E-Mail']])
    const incomplete = await upload(file, { company: 'Company' })
    expect([incomplete.status, incomplete.code]).toEqual([422, 'IMPORT_NEEDS_MAPPING'])
    for (const mapping of [{ nickname: 'Email' }, { email: 7 }, []])
      expect((await upload(file, mapping)).status).toBe(400)
    expect((await call('POST', '/crm/leads/import', await formOf({ mapping: 'email', file }))).status).toBe(400)
  })

  it('says that headers are missing when the first row is a lead', async () => {
    expect((await upload('ada@example.com,Ada\nbo@example.com,Bo\n')).msg).toContain('Add a row of headers')
  })

  it.each<[string, string]>([
    ['is empty', ''],
    ['has only headers', 'Email,Company\n\n'],
    ['is a web page', '<!doctype html><title>Sign in</title>'],
    ['is JSON', '{"leads": []}'],
    ['is a workbook', 'PK\x03\x04 xl/'],
    ['is cut off after many rows', `Email,Notes\n${'a@example.com,x\n'.repeat(5000)}b@example.com,"never`],
  ])('leaves nothing behind when the file %s', async (_, file) => {
    const answer = await upload(file)
    expect([answer.status, answer.code]).toEqual([422, 'IMPORT_UNREADABLE'])
    const [left] = await rowsOf(
      test.database,
      sql`SELECT (SELECT count(*) FROM leads)::int AS leads, (SELECT count(*) FROM imports)::int AS imports`,
    )
    expect(left).toEqual({ leads: 0, imports: 0 })
  })

  it('imports nothing when the upload breaks off, and keeps no file', async () => {
    const { form, headers } = await formOf({ file: `Email\n${'a@example.com\n'.repeat(20_000)}` })
    const answer = await call('POST', '/crm/leads/import', { form: form.subarray(0, 100_000), headers })
    expect([answer.status, answer.code]).toEqual([422, 'IMPORT_UNREADABLE'])
    expect(await everything()).toEqual([])
    expect(await readdir(spoolFolder)).toEqual([])
  })

  it('refuses a file that is too large before reading it', async () => {
    await server.listen({ host: '127.0.0.1', port: 0 })
    const { port } = server.server.address() as AddressInfo
    const { headers } = await formOf({ file: 'Email\n' })
    const status = await new Promise<number>((resolve, reject) => {
      const request = httpRequest({
        port,
        host: '127.0.0.1',
        method: 'POST',
        path: '/crm/leads/import',
        headers: { ...headers, 'x-role': 'admin', 'content-length': importMaximumBytes + 2 * 1024 * 1024 },
      })
      request.on('response', (response) => {
        resolve(response.statusCode ?? 0)
        request.destroy()
      })
      request.on('error', reject)
      request.flushHeaders()
    })
    expect(status).toBe(413)
  })

  it('needs a form with a file', async () => {
    expect(await call('POST', '/crm/leads/import', { body: { email: 'a@example.com' } })).toMatchObject({
      status: 415,
      code: 'UNSUPPORTED_MEDIA_TYPE',
    })
    expect((await call('POST', '/crm/leads/import', await formOf({ mapping: '{}' }))).status).toBe(400)
  })

  it('waits for another import instead of locking it out', async () => {
    const rows = Array.from({ length: 3000 }, (_, at) => `person${at}@example.com`)
    const results = await Promise.all([
      upload(`Email\n${rows.join('\n')}\n`),
      upload(`Email\n${rows.toReversed().join('\n')}\n`),
      upload(`Email\n${rows.join('\n')}\n`),
    ])
    expect(results.map((result) => result.status)).toEqual([200, 200, 200])
    expect(results.reduce((sum, { data }) => sum + data.created, 0)).toBe(3000)
    expect(results.reduce((sum, { data }) => sum + data.unchanged, 0)).toBe(6000)
  })
})

it('An import that another transaction locks out begins again, and counts nothing twice', async () => {
  const rows = Array.from({ length: 3000 }, (_, at) => `person${at}@example.com,Ann`)
  await upload(`Email,First name\n${rows.join('\n')}\n`)
  const waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
  const other = await test.pool.connect()
  try {
    // The import looks for a deadlock after a second, the other transaction later: so it is the import that gives way.
    await other.query("BEGIN; SET LOCAL deadlock_timeout = '30s'")
    await other.query("UPDATE leads SET owner = 'Other' WHERE email_key = 'person2999@example.com'")
    const importing = upload(`Email,First name\n${rows.join('\n').replaceAll('Ann', 'Bo')}\n`)
    await expect.poll(async () => (await test.pool.query(waiting)).rowCount, { timeout: 20_000 }).toBe(1)
    await other.query("UPDATE leads SET owner = 'Other' WHERE email_key = 'person0@example.com'")
    await other.query('COMMIT')
    expect((await importing).data).toMatchObject({ rows: 3000, created: 0, updated: 3000, unchanged: 0, rejected: 0 })
  } finally {
    other.release()
  }
  const { data } = await call<List<Lead>>('GET', '/crm/leads?owner=Other')
  expect(data.items.map((lead) => lead.firstName)).toEqual(['Bo', 'Bo'])
  expect(await rowsOf(test.database, sql`SELECT count(*)::int AS imports FROM imports`)).toEqual([{ imports: 2 }])
})

describe('a preview of a file', () => {
  it('tells how it is written, its first rows and what its columns are, and stores nothing', async () => {
    const file = (await sample).subarray(0, 256 * 1024)
    const { status, data } = await call<{ rows: string[][] }>(
      'POST',
      '/crm/leads/import/preview',
      await formOf({ file }),
    )
    expect(status).toBe(200)
    expect(data).toMatchObject({
      encoding: 'utf-8',
      delimiter: ',',
      mapping: { email: 'Email 1', phone: 'Phone 1', owner: 'Lead Owner', stage: 'Deal Stage' },
    })
    expect(data.rows).toHaveLength(20)
    expect(data.rows[6]?.[13]).toContain('Second line')
    expect(await everything()).toEqual([])
  })

  it('may be cut off in the middle of a quoted cell or of a letter', async () => {
    const file = Buffer.from('Email;Name\na@example.com;Zoë\nb@example.com;"Zoë').subarray(0, -1)
    const { data } = await call('POST', '/crm/leads/import/preview', await formOf({ file }))
    expect(data).toMatchObject({
      delimiter: ';',
      headers: ['Email', 'Name'],
      rows: [['a@example.com', 'Zoë']],
      mapping: { email: 'Email', firstName: 'Name', lastName: 'Name' },
    })
  })

  it('refuses what is no CSV', async () => {
    const answer = await call('POST', '/crm/leads/import/preview', await formOf({ file: '%PDF-1.7' }))
    expect([answer.status, answer.code]).toEqual([422, 'IMPORT_UNREADABLE'])
  })
})

describe('the list', () => {
  const people = Array.from({ length: 250 }, (_, at) => ({
    email: `${'zyxwv'[at % 5]}${at}@example.com`,
    firstName: ['Ada', 'Zoë', '貴大', 'Øystein', ''][at % 5]!,
    lastName: ['Lovelace', 'ärger', 'Zapf', '小池', ''][at % 5]!,
    company: ['Acme', 'acme', 'Ünal & Söhne', '', '100% Best_Co'][at % 5]!,
    source: ['Web', 'Referral'][at % 2]!,
    owner: ['Grace', 'Ada', 'Bo'][at % 3]!,
  }))

  beforeEach(async () => {
    await call('POST', '/crm/leads', { body: { leads: people } })
  })

  const list = (query: string) => call<List<Lead>>('GET', `/crm/leads?${query}`, { role: 'support' })

  it.each(leadSorts)('gives every lead once over its pages, in the order of %s', async (sort) => {
    const items: Lead[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const page: List<Lead> = (await list(`sort=${sort}&limit=40${cursor === '' ? '' : `&cursor=${cursor}`}`)).data
      expect(page.total).toBe(250)
      items.push(...page.items)
      cursor = page.nextCursor
    }
    expect(new Set(items.map((lead) => lead.id)).size).toBe(250)
    const field = sort.replace('-', '') as 'createdAt' | 'email'
    const values = items.map((lead) => lead[field])
    const ascending = sort.startsWith('-') ? values.toReversed() : values
    // Names are ordered as in a phone book; addresses, all in ASCII, as the database orders them.
    const inDatabase = await rowsOf<{ email: string }>(test.database, sql`SELECT email FROM leads ORDER BY email_key`)
    const byEmail = inDatabase.map((row) => row.email)
    const { compare } = new Intl.Collator('und')
    expect(ascending).toEqual(field === 'email' ? byEmail : values.toSorted(compare))
  })

  it.each<[string, number]>([
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
    ['q=a%00b', 0],
    [`importId=${'0'.repeat(8)}-0000-4000-8000-${'0'.repeat(12)}`, 0],
  ])('shows for %s exactly the %i leads that a selection by the same filter takes', async (query, total) => {
    const { status, data } = await list(`${query}&limit=500`)
    expect(status).toBe(200)
    expect(data.total).toBe(total)
    const filter = Object.fromEntries(new URLSearchParams(query))
    const selected = await rowsOf<{ id: string }>(
      test.database,
      sql`SELECT id FROM leads WHERE ${selectionCondition(filter)}`,
    )
    expect(data.items.map((lead) => lead.id).toSorted()).toEqual(selected.map((row) => row.id).toSorted())
  })

  it('refuses cursors it never gave out, and one of another order', async () => {
    const { nextCursor } = (await list('sort=email&limit=1')).data
    for (const cursor of ['x', 'bnVsbA', Buffer.from('["email",1]').toString('base64url')]) {
      expect(await list(`sort=email&cursor=${cursor}`)).toMatchObject({ status: 400, code: 'BAD_CURSOR' })
    }
    for (const sort of ['-email', 'company', 'createdAt']) {
      expect(await list(`sort=${sort}&cursor=${nextCursor}`)).toMatchObject({ status: 400, code: 'BAD_CURSOR' })
    }
  })

  it.each(['limit=0', 'limit=501', 'sort=phone', 'status=gone', 'importId=7', 'offset=3'])(
    'refuses %s',
    async (query) => {
      expect((await list(query)).status).toBe(400)
    },
  )

  it('offers the sources and owners that there are', async () => {
    expect((await call('GET', '/crm/leads/facets', { role: 'support' })).data).toEqual({
      sources: ['Referral', 'Web'],
      owners: ['Ada', 'Bo', 'Grace'],
    })
  })

  it('is read from an index in every order and for every filter', async () => {
    await test.database.execute(sql`INSERT INTO leads (email, email_key, last_name, company, source, status, import_id)
      SELECT n || '@example.net', n || '@example.net', md5(n::text), md5(n || 'c'), 'source ' || n % 50,
        CASE WHEN n % 100 = 0 THEN 'active' ELSE 'new' END, CASE WHEN n % 50 = 0 THEN uuidv4() END
      FROM generate_series(1, 20000) n`)
    await test.database.execute(sql`VACUUM ANALYZE leads`)
    const plans: string[] = []
    const explaining = {
      execute: async (query: ReturnType<typeof sql>) => {
        const rows = await rowsOf<{ 'QUERY PLAN': string }>(test.database, sql`EXPLAIN ${query}`)
        plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'))
        return { rows: [] }
      },
    } as unknown as Queryable
    for (const sort of leadSorts) await listLeads(explaining, { filter: {}, sort, limit: 100, after: null })
    for (const plan of plans) expect(plan).toMatch(/Index Scan (Backward )?using/)
    for (const plan of plans) expect(plan).not.toMatch(/Sort|Seq Scan/)

    plans.length = 0
    const importId = crypto.randomUUID()
    const filters = [
      { status: 'active' as const },
      { source: 'source 7' },
      { owner: 'Nobody' },
      { importId },
      { q: 'ab12cd' },
    ]
    for (const filter of filters) await listLeads(explaining, { filter, sort: '-createdAt', limit: 100, after: null })
    for (const filter of filters) await listLeads(explaining, { filter, sort: 'lastName', limit: 100, after: null })
    for (const plan of plans) expect(plan).not.toMatch(/Seq Scan/)
  })
})

describe('one lead', () => {
  it('is created from JSON, then updated by its address', async () => {
    const created = await call<{ leads: Lead[] }>('POST', '/crm/leads', {
      body: { email: ' Ada@Example.com ', firstName: 'Ada', notes: 'first' },
    })
    expect(created).toMatchObject({ status: 201, data: { created: 1, updated: 0, unchanged: 0 } })
    const [lead] = created.data.leads
    expect(lead).toMatchObject({ email: 'Ada@Example.com', firstName: 'Ada', company: '', status: 'new' })

    const updated = await call<{ leads: Lead[] }>('POST', '/crm/leads', {
      body: { email: 'Ada@example.com', firstName: '', company: 'Analytical' },
    })
    expect(updated).toMatchObject({ status: 200, data: { created: 0, updated: 1, unchanged: 0 } })
    expect(updated.data.leads[0]).toMatchObject({
      id: lead?.id,
      firstName: 'Ada',
      company: 'Analytical',
      notes: 'first',
    })

    const detail = await call<LeadDetail>('GET', `/crm/leads/${lead?.id}`, { role: 'support' })
    expect(detail.data).toEqual({ lead: updated.data.leads[0], account: null, sessions: [] })
  })

  it('is refused with many others when one of them cannot be stored', async () => {
    const good = { email: 'a@example.com' }
    const invalid = await call('POST', '/crm/leads', { body: { leads: [good, { email: 'nobody' }] } })
    expect(invalid).toMatchObject({ status: 422, code: 'INVALID_ADDRESS', details: { index: 1, value: 'nobody' } })
    for (const firstName of ['a\0b', 'a\ud800b']) {
      const text = await call('POST', '/crm/leads', { body: { leads: [good, { ...good, firstName }] } })
      expect(text).toMatchObject({ status: 422, code: 'INVALID_TEXT', details: { index: 1, field: 'firstName' } })
    }
    expect(await everything()).toEqual([])
  })

  it.each<[string, object, RegExp]>([
    ['no address', { firstName: 'Ada' }, /required property 'email'/],
    ['an unknown field', { email: 'a@example.com', status: 'active' }, /"status"/],
    ['a name that is too long', { email: 'a@example.com', firstName: 'x'.repeat(201) }, /firstName.*200/],
    ['an empty list', { leads: [] }, /leads/],
    ['a lead without an address among many', { leads: [{ email: 'a@example.com' }, {}] }, /leads\.1.*'email'/],
    ['1,001 leads', { leads: Array.from({ length: 1001 }, () => ({ email: 'a@example.com' })) }, /leads.*1000/],
  ])('is refused with %s', async (_, body, sentence) => {
    const answer = await call('POST', '/crm/leads', { body })
    expect([answer.status, answer.code]).toEqual([400, 'BAD_REQUEST'])
    expect(answer.msg).toMatch(sentence)
  })

  it('is not found when there is none', async () => {
    expect(await call('GET', `/crm/leads/${crypto.randomUUID()}`)).toMatchObject({
      status: 404,
      code: 'LEAD_NOT_FOUND',
    })
    expect((await call('GET', '/crm/leads/7')).status).toBe(400)
  })
})

describe('who may', () => {
  const reads = ['', '/facets', `/${crypto.randomUUID()}`, `/imports/${crypto.randomUUID()}/rejections.csv`]

  it.each(reads)('GET /crm/leads%s: support, and nobody who is not signed in', async (path) => {
    expect(await call('GET', `/crm/leads${path}`, { role: null })).toMatchObject({
      status: 401,
      code: 'SIGN_IN_REQUIRED',
    })
    const response = await server.inject({ url: `/crm/leads${path}`, headers: { 'x-role': 'support' } })
    expect([200, 404]).toContain(response.statusCode)
  })

  it.each(['', '/import', '/import/preview'])('POST /crm/leads%s: admins only', async (path) => {
    const content =
      path === '' ? { body: { email: 'a@example.com' } } : await formOf({ file: 'Email\na@example.com\n' })
    const url = `/crm/leads${path}`
    expect(await call('POST', url, { ...content, role: null })).toMatchObject({ status: 401, code: 'SIGN_IN_REQUIRED' })
    expect(await call('POST', url, { ...content, role: 'support' })).toMatchObject({ status: 403, code: 'FORBIDDEN' })
    expect((await call('POST', url, { ...content, role: 'superadmin' })).status).toBeLessThan(300)
  })
})
