import http from 'node:http'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { requestChecksBench, reads, uuid, writes } from '../../test/app/request-checks.ts'
import { expectProperty } from '../../test/properties/expect-property.ts'

const bench = requestChecksBench()
const { call } = bench

describe('whatever is sent', () => {
  const odd = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.constantFrom(
      '\0',
      '\ud800',
      "'; DROP TABLE leads; --",
      '%',
      '_',
      '\\',
      '{{1}}',
      '2024-02-30T00:00:00Z',
      uuid,
      'true',
      '-1',
      '1e309',
      '٣',
    ),
    fc.integer(),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.array(fc.string({ maxLength: 5 }), { maxLength: 3 }),
  )
  const names = fc.constantFrom(
    'q',
    'status',
    'source',
    'owner',
    'importId',
    'sort',
    'limit',
    'cursor',
    'active',
    'startedBy',
    'from',
    'to',
    'account',
    'mail',
    'reason',
  )

  it('A read is never answered with a failure of the server, whatever is in its path and query string', async () => {
    await expectProperty(
      fc.asyncProperty(fc.constantFrom(...reads), fc.dictionary(names, odd, { maxKeys: 4 }), async (path, query) => {
        const search = new URLSearchParams(
          Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]),
        )
        const answer = await call('GET', `${path}?${search.toString()}`)
        expect([path, answer.status < 500]).toEqual([path, true])
        if (answer.status >= 400) expect(answer).toMatchObject({ success: false, code: expect.any(String) as string })
      }),
      { runs: 400 },
    )
  })

  it('A write is never answered with a failure of the server, whatever is in its body', async () => {
    const fields = fc.constantFrom(
      'selection',
      'options',
      'sessionId',
      'email',
      'leads',
      'firstName',
      'notes',
      'token',
      'password',
      'mail',
      'reason',
      'ids',
      'filter',
      'except',
      'q',
      'startAt',
      'canary',
      'delaySeconds',
      'remind',
      'unconfirmed',
      'name',
      'userId',
      'role',
      '__proto__',
      'constructor',
    )
    const tree = fc.letrec<{ node: unknown }>((tie) => ({
      node: fc.oneof(
        { maxDepth: 4, depthSize: 'small' },
        odd,
        fc.dictionary(fields, tie('node'), { maxKeys: 4 }),
        fc.array(tie('node'), { maxLength: 3 }),
      ),
    })).node
    const spoiled = fc.tuple(fc.constantFrom(...writes), fields, tree).map(([[method, path, right], field, value]) => ({
      method,
      path,
      body: { ...(right as object), [field]: value } as unknown,
    }))
    const wild = fc.record({
      method: fc.constant('POST'),
      path: fc.constantFrom(
        ...writes.map(([, path]) => path),
        '/api/auth/sign-in/email',
        '/api/auth/api-key/create',
        '/api/auth/update-user',
        '/api/auth/admin/create-user',
        '/api/auth/admin/set-role',
        '/api/auth/change-password',
      ),
      body: tree,
    })
    await expectProperty(
      fc.asyncProperty(fc.oneof(spoiled, wild), async ({ method, path, body }) => {
        const answer = await call(method, path, {
          body: JSON.stringify(body),
          headers: path.startsWith('/api')
            ? { cookie: bench.app.staff.superadmin.cookie, origin: 'http://localhost:3000' }
            : {},
          ...(path.startsWith('/api') ? { role: null } : {}),
        })
        expect([path, answer.status < 500]).toEqual([path, true])
        if (answer.status >= 400) expect(answer).toMatchObject({ success: false, code: expect.any(String) as string })
      }),
      { runs: 600 },
    )
  })

  it('A request whose headers are too large is answered with 431', async () => {
    const { port, hostname } = new URL(bench.app.url)
    const request = http.request({
      port,
      host: hostname,
      path: '/crm/leads',
      headers: { 'x-api-key': 'x'.repeat(20_000) },
    })
    const status = await new Promise((resolve) => {
      request.on('response', (response) => resolve(response.statusCode))
      request.end()
    })
    expect(status).toBe(431)
  })
})
