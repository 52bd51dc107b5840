import { readdir } from 'node:fs/promises'
import { Agent, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as fc from 'fast-check'
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { rowsOf } from '../../db/database.ts'
import { createLeadsServer } from '../../../test/app/leads.ts'
import { expectProperty } from '../../../test/properties/expect-property.ts'

let test: Awaited<ReturnType<typeof createLeadsServer>>
beforeAll(async () => {
  test = await createLeadsServer()
  await test.server.listen({ host: '127.0.0.1', port: 0 })
})
afterAll(() => test.close())
beforeEach(() => test.empty())

const routes = ['/crm/leads/import', '/crm/leads/import/preview']
const csv = 'Email\nada@example.com\n'

/** Writes one part of a form as it is sent in a request. */
const part = (disposition: string, content: string, type = '') =>
  `--edge\r\nContent-Disposition: form-data; ${disposition}\r\n${type === '' ? '' : `Content-Type: ${type}\r\n`}\r\n${content}\r\n`
const file = part('name="file"; filename="leads.csv"', csv, 'text/csv')

function send(url: string, parts: string[], contentType = 'multipart/form-data; boundary=edge') {
  const form = Buffer.from(`${parts.join('')}--edge--\r\n`, 'latin1')
  return test.call('POST', url, { form, headers: { 'content-type': contentType } })
}

/** Runs `check` for the form of each route, with no lead stored before. */
async function forEachRoute(check: (url: string) => Promise<void>): Promise<void> {
  for (const url of routes) {
    await test.empty()
    await check(url)
  }
}

/** Expects that a form was refused and nothing of it was kept. `name` says in a failure which form it was. */
async function expectRefused(answer: Awaited<ReturnType<typeof send>>, name?: string): Promise<void> {
  expect.soft([answer.status, answer.code], name).toEqual([400, 'BAD_REQUEST'])
  expect.soft(answer.msg, name).toMatch(/^[A-Z].*[.]$/)
  await expectNothingLeft(name)
}

async function expectNothingLeft(name?: string): Promise<void> {
  expect.soft(await readdir(test.spoolFolder), name).toEqual([])
  const left = sql`SELECT (SELECT count(*) FROM leads)::int AS leads, (SELECT count(*) FROM imports)::int AS imports`
  expect.soft(await rowsOf(test.database, left), name).toEqual([{ leads: 0, imports: 0 }])
}

describe('the form of an import and of a preview', () => {
  it('A form without a boundary, or with one that is too long, is refused and leaves nothing behind', () =>
    forEachRoute(async (url) => {
      for (const type of [
        'multipart/form-data',
        'multipart/form-data;',
        'multipart/form-data; boundary',
        'multipart/form-data; boundary=',
        'multipart/form-data; boundary=""',
        'multipart/form-data; charset=utf-8',
        `multipart/form-data; boundary=${'x'.repeat(71)}`,
        `multipart/form-data; boundary=${'x'.repeat(500)}`,
        `multipart/form-data; boundary="${'x'.repeat(500)}"`,
      ]) {
        const answer = await send(url, [file], type)
        await expectRefused(answer, `${url}: ${type}`)
        expect.soft(answer.msg, `${url}: ${type}`).toContain('boundary')
      }
    }))

  it('The boundary of a form may be in quotes, and its name in upper or lower case', () =>
    forEachRoute(async (url) => {
      for (const type of ['multipart/form-data; boundary="edge"', 'Multipart/Form-Data; charset=utf-8; Boundary=edge'])
        expect.soft((await send(url, [file], type)).status, `${url}: ${type}`).toBe(200)
    }))

  it('A form with an unknown part is refused, and the part is named', () =>
    forEachRoute(async (url) => {
      for (const [name, parts] of [
        ['surprise', [part('name="surprise"', '1'), file]],
        ['surprise', [file, part('name="surprise"', '1')]],
        ['other', [file, part('name="other"; filename="b.csv"', csv)]],
        ['other', [part('name="other"; filename="b.csv"', csv), file]],
        ['surprise', [part('name="surprise"', '{', 'application/json'), file]],
      ] as const) {
        const answer = await send(url, [...parts])
        await expectRefused(answer, url)
        // The parser itself refuses a second file and a value that is no JSON, and does not name the part.
        if (parts[0] !== file && !parts[0].includes('json')) expect.soft(answer.msg, url).toContain(`“${name}”`)
      }
      await expectRefused(await send(url, [part('name="__proto__"', '1'), file]), url)
      await expectRefused(await send(url, [part('filename="b.csv"', csv)]), url)
    }))

  it('A form with two files, or with a file that is sent as a text, is refused', () =>
    forEachRoute(async (url) => {
      const two = await send(url, [file, file])
      await expectRefused(two, url)
      expect(two.msg, url).toContain('one')
      await expectRefused(await send(url, [part('name="file"', csv)]), url)
    }))

  it('The file of a form may have any name, and none', () =>
    forEachRoute(async (url) => {
      for (const name of ['', 'a\0b.csv', '\\"', `${'x'.repeat(5000)}.csv`, '../../etc/passwd', '\xff\xfe'])
        expect
          .soft([url, name, (await send(url, [part(`name="file"; filename="${name}"`, csv, 'text/csv')])).status])
          .toEqual([url, name, 200])
    }))

  it('The rest of a form that is refused is dropped, and its connection can be used again', () =>
    forEachRoute(async (url) => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      const large = part('name="file"; filename="b.csv"', 'x'.repeat(8 * 1024 * 1024), 'text/csv')
      const { port } = test.server.server.address() as AddressInfo
      const ask = () =>
        new Promise((resolve, reject) => {
          const headers = { 'x-role': 'admin', 'content-type': 'multipart/form-data; boundary=edge' }
          const request = httpRequest(
            { agent, port, host: '127.0.0.1', method: 'POST', path: url, headers },
            (response) => {
              response.resume()
              response.on('end', () => resolve(response.statusCode))
            },
          )
          request.on('error', reject)
          request.end(`${part('name="surprise"', '1')}${large}--edge--\r\n`)
        })
      expect([await ask(), await ask(), await ask()], url).toEqual([400, 400, 400])
      agent.destroy()
    }))

  it('A form is never answered with a failure of the server, whatever is in it', () =>
    forEachRoute(async (url) => {
      const odd = fc.constantFrom(
        '',
        ';',
        '"',
        'name="file"',
        'filename="x"',
        "filename*=utf-8''%ff",
        'name="mapping"',
        '\0',
        '\r\n\r\n',
        '--edge',
        'form-data',
        'x'.repeat(9000),
      )
      const type = fc.constantFrom(
        '',
        'text/csv',
        'application/json',
        'text/plain; charset=nonsense',
        'multipart/mixed; boundary=b',
        ';',
      )
      const anyPart = fc.tuple(fc.array(odd, { maxLength: 3 }), fc.oneof(fc.constant(csv), odd, fc.string()), type)
      const contentType = fc.oneof(
        { weight: 5, arbitrary: fc.constant('multipart/form-data; boundary=edge') },
        fc.stringMatching(/^[ -~]{0,80}$/).map((text) => `multipart/form-data;${text}`),
        fc.stringMatching(/^[ -~]{0,80}$/).map((text) => `multipart/form-data; boundary=${text}`),
      )
      await expectProperty(
        fc.asyncProperty(fc.array(anyPart, { maxLength: 4 }), contentType, async (parts, content) => {
          const answer = await send(
            url,
            parts.map(([words, text, each]) => part(words.join('; '), text, each)),
            content,
          )
          expect(answer.status, url).toBeLessThan(500)
        }),
        { runs: 300 },
      )
      expect(await readdir(test.spoolFolder), url).toEqual([])
    }))
})

it('An import takes one mapping, as a text, and a preview takes none', async () => {
  const mapping = part('name="mapping"', '{"email":"Email"}')
  expect((await send(routes[0]!, [mapping, file])).status).toBe(200)
  await test.empty()
  await expectRefused(await send(routes[0]!, [mapping, mapping, file]))
  await expectRefused(await send(routes[0]!, [part('name="mapping"; filename="m.json"', '{"email":"Email"}'), file]))
  await expectRefused(await send(routes[1]!, [mapping, file]))
})
