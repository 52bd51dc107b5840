import { readFile, readdir } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { ImportResult, Lead, List } from '@rollcall/shared'
import { rowsOf } from '../../db/database.ts'
import { importMaximumBytes } from './imports.usecases.ts'
import { createLeadsServer, formOf } from '../../../test/app/leads.ts'

let test: Awaited<ReturnType<typeof createLeadsServer>>
beforeAll(async () => {
  test = await createLeadsServer()
})
afterAll(() => test.close())
beforeEach(() => test.empty())

const sample = readFile(new URL('../../../test/fixtures/leads-sample.csv', import.meta.url))

describe('an import', () => {
  it('The export of a CRM is imported as it is, and the same file again changes nothing', async () => {
    const first = await test.upload(await sample)
    expect(first.status).toBe(200)
    const { rows, created, updated, unchanged, rejected } = first.data
    expect(rows).toBe(2000)
    expect(created + updated + unchanged + rejected).toBe(2000)
    expect(first.data.rejections).toHaveLength(rejected)

    const list = await test.call<List<Lead>>('GET', `/crm/leads?importId=${first.data.importId}&limit=1`)
    expect(list.data.total).toBe(created)

    const again = await test.upload(await sample)
    expect(again.data).toMatchObject({ rows: 2000, created: 0, rejected })
    const moved = await test.call<List<Lead>>('GET', `/crm/leads?importId=${again.data.importId}&limit=1`)
    expect(moved.data.total).toBe(created)
    expect((await test.call<List<Lead>>('GET', `/crm/leads?importId=${first.data.importId}`)).data.total).toBe(0)

    const [found] = (await test.call<List<Lead>>('GET', '/crm/leads?q=ewell.quitzon')).data.items
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

  it('An import updates what a later file says, and keeps what it leaves empty or does not have', async () => {
    await test.upload('Email,First name,Last name,Company\nAda@Example.com,Ada,Byron,Analytical\nbo@example.com,Bo,,\n')
    await test.database.execute(sql`UPDATE leads SET status = 'invited', updated_at = '2020-01-01'`)
    const { data } = await test.upload('Email,First name,Last name\nada@example.com,,Lovelace\nbo@example.com,Bo,\n')
    expect(data).toMatchObject({ rows: 2, created: 0, updated: 1, unchanged: 1, rejected: 0 })

    const [ada, bo] = await test.everything()
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

  it('A second row of a file with the same address updates the first, and each row is counted once', async () => {
    const { data } = await test.upload(
      [
        'Email,First name,Company',
        'a@example.com,Ann,',
        'A@EXAMPLE.COM,,Acme',
        'a@example.com,Ann,Acme',
        'b@example.com,Bo,',
        'a@example.com,Anna,',
      ].join('\n'),
    )
    // The second row changes the address, the third changes it back, and the last changes the name.
    expect(data).toMatchObject({ rows: 5, created: 2, updated: 3, unchanged: 0, rejected: 0 })
    expect(await test.everything()).toMatchObject([
      { email: 'a@example.com', firstName: 'Anna', company: 'Acme' },
      { email: 'b@example.com', firstName: 'Bo' },
    ])
    const repeated = await test.upload(
      'Email,Company\nb@example.com,\nb@example.com,\nb@example.com,Best\nb@example.com,Best\n',
    )
    expect(repeated.data).toMatchObject({ rows: 4, created: 0, updated: 1, unchanged: 3 })
  })

  it('The counts of an import add up over many chunks with doubled addresses in each', async () => {
    const rows = Array.from(
      { length: 9000 },
      (_, at) => `person${at % 2500}@example.com,${at % 3 === 0 ? 'Ann' : 'Bo'}`,
    )
    const { data } = await test.upload(`Email,First name\n${rows.join('\n')}\nnobody,Ann\n`)
    expect(data.rows).toBe(9001)
    expect(data).toMatchObject({ created: 2500, rejected: 1 })
    expect(data.created + data.updated + data.unchanged + data.rejected).toBe(9001)
    const names = new Map((await test.everything()).map((lead) => [lead.email, lead.firstName]))
    expect(names.get('person0@example.com')).toBe('Ann')
  })

  it('A row that cannot be a lead is rejected with its line, a reason and the value', async () => {
    const { data } = await test.upload(
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
    expect((await test.everything()).map((lead) => lead.email)).toEqual([
      'f@example.com',
      'g@example.com',
      'ok@example.com',
    ])
  })

  it('All rejected rows of an import can be read as CSV, of which a spreadsheet takes no cell for a formula', async () => {
    const bad = Array.from({ length: 2500 }, (_, at) => (at === 0 ? '=1+1' : `nobody ${at}`))
    const { data } = await test.upload(`Email\n${bad.join('\n')}\n`)
    expect(data.rejections).toHaveLength(1000)
    const csv = await test.server.inject({
      url: `/crm/leads/imports/${data.importId}/rejections.csv`,
      headers: { 'x-role': 'support' },
    })
    expect(csv.headers['content-type']).toBe('text/csv; charset=utf-8')
    const lines = csv.body.trimEnd().split('\r\n')
    expect(lines).toHaveLength(2501)
    expect(lines[0]).toBe('\ufeffline,reason,value')
    expect(lines[1]).toMatch(/^2,.*,'=1\+1$/)
    expect(lines[2500]).toMatch(/^2501,.*,nobody 2499$/)

    const unknown = await test.call('GET', `/crm/leads/imports/${crypto.randomUUID()}/rejections.csv`)
    expect([unknown.status, unknown.code]).toEqual([404, 'IMPORT_NOT_FOUND'])
  })

  it('An import asks for a mapping when no column is the address, and names the headers', async () => {
    const answer = await test.upload('Who,Reach at,Firm\nAda Lovelace,ada@example.com,Analytical\n')
    expect([answer.status, answer.code]).toEqual([422, 'IMPORT_NEEDS_MAPPING'])
    expect(answer.details.headers).toEqual(['Who', 'Reach at', 'Firm'])

    const mapping = { email: 'Reach at', firstName: 'Who', lastName: 'Who', company: 'Firm' }
    expect(
      (await test.upload('Who,Reach at,Firm\nAda King Lovelace,ada@example.com,Analytical\n', mapping)).data.created,
    ).toBe(1)
    expect(await test.everything()).toMatchObject([
      { firstName: 'Ada', lastName: 'King Lovelace', company: 'Analytical' },
    ])
  })

  it('An import uses a given mapping as it is, also when it comes after the file in the form', async () => {
    const parts = { file: 'Email,Email,Company\na@example.com,b@example.com,Acme\n', mapping: '{"email": "Email (2)"}' }
    const { data } = await test.call<ImportResult>('POST', '/crm/leads/import', await formOf(parts))
    expect(data.created).toBe(1)
    expect(await test.everything()).toMatchObject([{ email: 'b@example.com', company: '' }])
  })

  it('An import refuses a mapping with an unknown header, without an address, or of another form', async () => {
    const file = 'Email,Company\na@example.com,Acme\n'
    const unknown = await test.upload(file, { email: 'E-Mail' })
    expect([unknown.status, unknown.code, unknown.details.unknown]).toEqual([422, 'IMPORT_NEEDS_MAPPING', ['E-Mail']])
    const incomplete = await test.upload(file, { company: 'Company' })
    expect([incomplete.status, incomplete.code]).toEqual([422, 'IMPORT_NEEDS_MAPPING'])
    for (const mapping of [{ nickname: 'Email' }, { email: 7 }, []])
      expect((await test.upload(file, mapping)).status).toBe(400)
    expect((await test.call('POST', '/crm/leads/import', await formOf({ mapping: 'email', file }))).status).toBe(400)
  })

  it('An import says that headers are missing when the first row is a lead', async () => {
    expect((await test.upload('ada@example.com,Ada\nbo@example.com,Bo\n')).msg).toContain('Add a row of headers')
  })

  const unreadableFiles: [string, string][] = [
    ['is empty', ''],
    ['has only headers', 'Email,Company\n\n'],
    ['is a web page', '<!doctype html><title>Sign in</title>'],
    ['is JSON', '{"leads": []}'],
    ['is a workbook', 'PK\x03\x04 xl/'],
    ['is cut off after many rows', `Email,Notes\n${'a@example.com,x\n'.repeat(5000)}b@example.com,"never`],
  ]

  it('An import of an unreadable file is refused and leaves nothing behind', async () => {
    for (const [name, file] of unreadableFiles) {
      await test.empty()
      const answer = await test.upload(file)
      expect([answer.status, answer.code], name).toEqual([422, 'IMPORT_UNREADABLE'])
      const [left] = await rowsOf(
        test.database,
        sql`SELECT (SELECT count(*) FROM leads)::int AS leads, (SELECT count(*) FROM imports)::int AS imports`,
      )
      expect(left, name).toEqual({ leads: 0, imports: 0 })
    }
  })

  it('An upload that breaks off imports nothing, and is removed from the disk', async () => {
    const { form, headers } = await formOf({ file: `Email\n${'a@example.com\n'.repeat(20_000)}` })
    const answer = await test.call('POST', '/crm/leads/import', { form: form.subarray(0, 100_000), headers })
    expect([answer.status, answer.code]).toEqual([422, 'IMPORT_UNREADABLE'])
    expect(await test.everything()).toEqual([])
    expect(await readdir(test.spoolFolder)).toEqual([])
  })

  it('A file that is too large is refused before it is read', async () => {
    await test.server.listen({ host: '127.0.0.1', port: 0 })
    const { port } = test.server.server.address() as AddressInfo
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

  it('An import without a form, or without a file in it, is refused', async () => {
    expect(await test.call('POST', '/crm/leads/import', { body: { email: 'a@example.com' } })).toMatchObject({
      status: 415,
      code: 'UNSUPPORTED_MEDIA_TYPE',
    })
    expect((await test.call('POST', '/crm/leads/import', await formOf({ mapping: '{}' }))).status).toBe(400)
  })

  it('Imports that come at the same time wait for each other', async () => {
    const rows = Array.from({ length: 3000 }, (_, at) => `person${at}@example.com`)
    const results = await Promise.all([
      test.upload(`Email\n${rows.join('\n')}\n`),
      test.upload(`Email\n${rows.toReversed().join('\n')}\n`),
      test.upload(`Email\n${rows.join('\n')}\n`),
    ])
    expect(results.map((result) => result.status)).toEqual([200, 200, 200])
    expect(results.reduce((sum, { data }) => sum + data.created, 0)).toBe(3000)
    expect(results.reduce((sum, { data }) => sum + data.unchanged, 0)).toBe(6000)
  })
})

it('An import that loses a deadlock with another transaction begins again, and counts nothing twice', async () => {
  const rows = Array.from({ length: 3000 }, (_, at) => `person${at}@example.com,Ann`)
  await test.upload(`Email,First name\n${rows.join('\n')}\n`)
  const waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
  const other = await test.pool.connect()
  try {
    // The import looks for a deadlock after one second and the other transaction only later, so the import is the one that fails.
    await other.query("BEGIN; SET LOCAL deadlock_timeout = '30s'")
    await other.query("UPDATE leads SET owner = 'Other' WHERE email_key = 'person2999@example.com'")
    const importing = test.upload(`Email,First name\n${rows.join('\n').replaceAll('Ann', 'Bo')}\n`)
    await expect.poll(async () => (await test.pool.query(waiting)).rowCount, { timeout: 20_000 }).toBe(1)
    await other.query("UPDATE leads SET owner = 'Other' WHERE email_key = 'person0@example.com'")
    await other.query('COMMIT')
    expect((await importing).data).toMatchObject({ rows: 3000, created: 0, updated: 3000, unchanged: 0, rejected: 0 })
  } finally {
    other.release()
  }
  const { data } = await test.call<List<Lead>>('GET', '/crm/leads?owner=Other')
  expect(data.items.map((lead) => lead.firstName)).toEqual(['Bo', 'Bo'])
  expect(await rowsOf(test.database, sql`SELECT count(*)::int AS imports FROM imports`)).toEqual([{ imports: 2 }])
})

describe('a preview of a file', () => {
  it('A preview tells how a file is written, its first rows and its mapping, and stores nothing', async () => {
    const file = (await sample).subarray(0, 256 * 1024)
    const { status, data } = await test.call<{ rows: string[][] }>(
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
    expect(await test.everything()).toEqual([])
  })

  it('A preview of a file may be cut off in the middle of a quoted cell or of a letter', async () => {
    const file = Buffer.from('Email;Name\na@example.com;Zoë\nb@example.com;"Zoë').subarray(0, -1)
    const { data } = await test.call('POST', '/crm/leads/import/preview', await formOf({ file }))
    expect(data).toMatchObject({
      delimiter: ';',
      headers: ['Email', 'Name'],
      rows: [['a@example.com', 'Zoë']],
      mapping: { email: 'Email', firstName: 'Name', lastName: 'Name' },
    })
  })

  it('A preview refuses what is no CSV', async () => {
    const answer = await test.call('POST', '/crm/leads/import/preview', await formOf({ file: '%PDF-1.7' }))
    expect([answer.status, answer.code]).toEqual([422, 'IMPORT_UNREADABLE'])
  })
})
