import http from 'node:http'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestApp, type App } from '../../test/app.ts'
import { newSessionId } from '../../test/activation.ts'

let app: App
let ids: string[]
let sessionId: string

beforeAll(async () => {
  app = await createTestApp()
  ids = await app.activation.addLeads(12)
  sessionId = (await app.activation.start({ ids }, { startAt: new Date(Date.now() + 86_400_000).toISOString() }))
    .sessionId
})
afterAll(() => app.close())

const uuid = '01890000-0000-7000-8000-000000000000'
const token = 'x'.repeat(43)

/** Every call with a body of JSON, and one that is right. */
const writes: [string, string, unknown][] = [
  ['POST', '/crm/leads', { email: 'new@example.com' }],
  ['POST', '/crm/activation/preview', { selection: { filter: {} } }],
  ['POST', '/crm/activation/sessions', { selection: { filter: { q: 'nobody at all' } } }],
  ['POST', '/crm/activation/sessions/:sessionId/retry', { mail: 'failed' }],
  ['POST', '/crm/activation/sessions/:sessionId/settle', { mail: 'unconfirmed', as: 'sent' }],
  ['POST', '/activation/inspect', { token }],
  ['POST', '/activation/accept', { token, password: 'long enough for anybody' }],
  ['PATCH', '/settings', {}],
]
const reads = [
  '/crm/leads',
  '/crm/leads/facets',
  `/crm/leads/${uuid}`,
  '/crm/activation/sessions',
  '/crm/activation/sessions/:sessionId',
  '/crm/activation/sessions/:sessionId/items',
  '/crm/activation/sessions/:sessionId/items.csv',
  '/crm/activation/sessions/:sessionId/snapshots',
  '/crm/activation/progress/:sessionId',
  `/crm/leads/imports/${uuid}/rejections.csv`,
  '/mailbox/messages',
  '/mailbox/messages/1',
  '/settings',
  '/staff/me',
]
const lists = reads.slice(0, 1).concat(reads[3]!, reads[5]!, reads[10]!)
const filled = (path: string) => path.replace(':sessionId', sessionId)

/** The calls with a limit are asked from as many addresses as there are requests. */
let address = 0
function call(method: string, path: string, options: Parameters<App['call']>[2] = {}) {
  address += 1
  const headers = { 'x-forwarded-for': `10.0.${address >> 8}.${address & 255}`, ...options.headers }
  return app.call(method, filled(path), { role: 'superadmin', ...options, headers })
}

function expectFailure(answer: Awaited<ReturnType<typeof call>>, status: number, code: string): void {
  expect.soft([answer.status, answer.code]).toEqual([status, code])
  expect.soft(answer).toMatchObject({ success: false })
  expect.soft(answer.msg).toMatch(/^[A-Z].*[.]$|^No active activation session found$/s)
}

describe('a body', () => {
  it.each(writes)(
    'of %s %s is refused where it is not JSON, not an object, or something else than JSON',
    async (method, path) => {
      for (const body of ['{"a":', 'nonsense', "{'a':1}"])
        expectFailure(await call(method, path, { body }), 400, 'BAD_REQUEST')
      for (const body of ['null', '5', '"text"', '[]', 'true'])
        expectFailure(await call(method, path, { body }), 400, 'BAD_REQUEST')
      for (const type of [
        'text/plain',
        'application/x-www-form-urlencoded',
        'application/xml',
        'multipart/form-data',
        'x',
      ])
        expectFailure(
          await call(method, path, { body: 'a=1', headers: { 'content-type': type } }),
          415,
          'UNSUPPORTED_MEDIA_TYPE',
        )
    },
  )

  it.each(writes)(
    'of %s %s is refused where it is empty or has a field that is not known',
    async (method, path, right) => {
      expectFailure(await call(method, path, { headers: { 'content-type': 'application/json' } }), 400, 'BAD_REQUEST')
      const answer = await call(method, path, { body: { ...(right as object), surprise: 1 } })
      expectFailure(answer, 400, 'BAD_REQUEST')
    },
  )

  it.each(writes)('of %s %s is refused where it is huge, with 413', async (method, path) => {
    const answer = await call(method, path, { body: `{"a":"${'x'.repeat(9 * 1024 * 1024)}"}` })
    expectFailure(answer, 413, 'BODY_TOO_LARGE')
  })

  it.each(writes)('of %s %s is refused where a text has what no row can hold', async (method, path, right) => {
    for (const text of ['a\0b', 'a\ud800b']) {
      const spoiled = JSON.stringify(right, (_key, value: unknown) => (typeof value === 'string' ? text : value))
      const answer = await call(method, path, {
        body: spoiled.includes(text) ? spoiled : JSON.stringify({ [text]: 1 }),
      })
      expect.soft(answer.status).toBeGreaterThanOrEqual(400)
      expect.soft(answer.status).toBeLessThan(500)
    }
  })

  it('is refused where it is nested deeper than any stack', async () => {
    for (const [method, path] of [
      ...writes,
      ['POST', '/api/auth/sign-in/email'],
      ['POST', '/api/auth/api-key/create'],
    ]) {
      const answer = await call(method, path, {
        body: `{"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}`,
      })
      expect.soft([path, answer.status >= 400 && answer.status < 500]).toEqual([path, true])
    }
  })

  it('with a field of the wrong type is refused, and the field named', async () => {
    const wrong: [string, unknown, string][] = [
      ['/crm/activation/preview', { selection: { ids: 'all' } }, 'ids'],
      ['/crm/activation/sessions', { selection: { filter: {} }, options: { mail: 'yes' } }, 'mail'],
      ['/crm/activation/sessions', { selection: { filter: {} }, options: { mail: 1 } }, 'mail'],
      ['/crm/activation/sessions', { selection: { filter: {} }, options: { canary: 0 } }, 'canary'],
      ['/crm/activation/sessions', { selection: { filter: {} }, options: { canary: 1e300 } }, 'canary'],
      ['/crm/activation/sessions', { selection: { filter: {} }, options: { delaySeconds: 3601 } }, 'delaySeconds'],
      ['/crm/activation/sessions', { selection: { filter: {} }, options: { delaySeconds: -1 } }, 'delaySeconds'],
      ['/crm/activation/sessions', { selection: { filter: {} }, options: { unconfirmed: 'maybe' } }, 'unconfirmed'],
      ['/crm/activation/sessions/:sessionId/retry', { mail: 'sent' }, 'mail'],
      ['/crm/activation/sessions/:sessionId/retry', {}, 'mail'],
      ['/activation/inspect', { token: 5 }, 'token'],
    ]
    for (const [path, body, field] of wrong) {
      const answer = await call('POST', path, { body })
      expectFailure(answer, 400, 'BAD_REQUEST')
      expect.soft(answer.msg).toContain(field)
    }
  })

  it('names leads and sessions only in their form', async () => {
    const wrongIds = [
      '',
      'x',
      uuid.slice(1),
      `urn:uuid:${uuid}`,
      `{${uuid}}`,
      uuid.replaceAll('-', ''),
      `${uuid}\n`,
      7,
      null,
    ]
    for (const id of wrongIds) {
      for (const selection of [{ ids: [id] }, { filter: {}, except: [id] }, { filter: { importId: id } }])
        expectFailure(await call('POST', '/crm/activation/preview', { body: { selection } }), 400, 'BAD_REQUEST')
    }
    for (const wrong of [
      '',
      'x',
      'activation_1_abcdef',
      'activation_1704123456789_',
      'activation_1704123456789_ABCDEF',
      `${newSessionId()}\n`,
      '../x',
    ]) {
      const body = { sessionId: wrong, selection: { ids } }
      expectFailure(await call('POST', '/crm/activation/sessions', { body }), 400, 'BAD_REQUEST')
    }
  })

  it('takes 10,000 ids and refuses 10,001', async () => {
    const many = Array.from(
      { length: 10_001 },
      (_, index) => uuid.slice(0, -5) + String(10_000 + index).padStart(5, '0'),
    )
    const answer = await call('POST', '/crm/activation/preview', { body: { selection: { ids: many } } })
    expectFailure(answer, 400, 'BAD_REQUEST')
    const most = await call('POST', '/crm/activation/preview', { body: { selection: { ids: many.slice(1) } } })
    expectFailure(most, 422, 'LEADS_NOT_FOUND')
  })

  it('starts at a time that exists and is to come', async () => {
    const start = (startAt: unknown) =>
      call('POST', '/crm/activation/sessions', { body: { selection: { ids }, options: { startAt } } })
    const garbage = [
      '',
      'soon',
      '2030-01-01',
      '2030-02-30T00:00:00Z',
      '2030-01-01T25:00:00Z',
      '2030-12-31T23:59:60Z',
      '0000-01-01T00:00:00Z',
      '2030-01-01T00:00:00',
      '2030-01-01T00:00:00+23:00',
      '9999-12-31T23:59:59-10:00',
      '+275760-09-13T00:00:00Z',
      1_900_000_000_000,
      null,
    ]
    for (const startAt of garbage) expectFailure(await start(startAt), 400, 'BAD_REQUEST')
    for (const startAt of ['2001-01-01T00:00:00Z', new Date().toISOString(), '0001-01-01T00:00:00Z'])
      expectFailure(await start(startAt), 422, 'START_IN_THE_PAST')
    for (const startAt of ['9999-12-31T23:59:59.999Z', '2090-01-01T00:00:00+14:00', '2090-01-01t00:00:00.123456z']) {
      const answer = await start(startAt)
      expect.soft([startAt, answer.status, answer.data?.status]).toEqual([startAt, 202, 'scheduled'])
    }
  })
})

describe('an address', () => {
  it('with a limit outside of 1 to 500 is refused in every list', async () => {
    for (const list of lists) {
      for (const limit of ['0', '-1', '501', '1.5', 'ten', '', '1e9', '99999999999999999999', 'NaN', '1&limit=2'])
        expectFailure(await call('GET', `${list}?limit=${limit}`), 400, 'BAD_REQUEST')
      for (const limit of ['1', '500']) expect.soft((await call('GET', `${list}?limit=${limit}`)).status).toBe(200)
    }
  })

  it('with a cursor that was never given out is refused in every list', async () => {
    const coded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const wrong = [
      'x',
      '%20',
      coded(null),
      coded([]),
      coded({}),
      coded([1, 2, 3]),
      coded(['a', 'b', 'c']),
      coded([null]),
      coded([['x']]),
      coded(['2024-02-31T00:00:00Z', uuid]),
      coded(['2024-02-31T00:00:00Z', 'activation_1704123456789_abcdef']),
      coded(['0000-01-01T00:00:00Z', uuid]),
      coded(['0000-01-01T00:00:00Z', 'x']),
      coded(['2024-01-01T00:00:00Z', 'a\0b']),
      coded([1e300]),
      coded([-0.5]),
      coded(['1']),
    ]
    for (const list of lists) {
      for (const cursor of wrong) {
        const answer = await call('GET', `${list}?cursor=${cursor}`)
        expect.soft([list, cursor, answer.status, answer.code]).toEqual([list, cursor, 400, 'BAD_CURSOR'])
      }
    }
  })

  it('with any cursor at all is answered, and never with a failure of ours', async () => {
    const value = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.integer(),
      fc.double(),
      fc.date({ noInvalidDate: false }).map((date) => (Number.isNaN(date.getTime()) ? '' : date.toISOString())),
      fc.uuid(),
      fc.constant(null),
      fc.constantFrom('activation_1704123456789_abcdef', '9999-12-31T23:59:59.999999Z', Number.MAX_SAFE_INTEGER),
    )
    const cursor = fc.oneof(
      fc.array(value, { maxLength: 3 }).map((position) => Buffer.from(JSON.stringify(position)).toString('base64url')),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }).map((text) => encodeURIComponent(text.toWellFormed())),
      fc.base64String({ minLength: 4, maxLength: 40 }),
    )
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...lists), cursor, async (list, each) => {
        const answer = await call('GET', `${list}?cursor=${each}`)
        expect(answer.status).toBeLessThan(500)
        if (answer.status !== 200) expect(['BAD_CURSOR', 'BAD_REQUEST']).toContain(answer.code)
      }),
      { numRuns: 300 },
    )
  })

  it('with a parameter that is not known, or a value that is none, is refused', async () => {
    for (const read of [
      '/crm/leads?surprise=1',
      '/crm/leads?status=old',
      '/crm/leads?sort=password',
      '/crm/leads?importId=x',
      `/crm/leads?importId=urn:uuid:${uuid}`,
      '/crm/leads/not-a-uuid',
      `/crm/leads/urn:uuid:${uuid}`,
      '/crm/leads/imports/x/rejections.csv',
      '/crm/activation/sessions?active=perhaps',
      '/crm/activation/sessions?status=done',
      '/crm/activation/sessions?from=yesterday',
      '/crm/activation/sessions?to=0000-01-01T00:00:00Z',
      '/crm/activation/sessions?from=2024-01-01T00:00:00%2B23:00',
      '/crm/activation/sessions/:sessionId/items?account=new',
      '/crm/activation/sessions/:sessionId/items?mail=lost',
      '/crm/activation/sessions/:sessionId/items.csv?limit=5',
      '/crm/activation/sessions/:sessionId/snapshots?limit=0',
    ]) {
      expectFailure(await call('GET', read), 400, 'BAD_REQUEST')
    }
  })

  it('is refused where its coding is broken, where it has what no row can hold, and where it is too long', async () => {
    for (const path of [
      '/%',
      '/crm/leads/%ff',
      '/crm/leads?q=%00',
      '/crm/activation/progress/%00',
      '/crm/activation/progress/%E0%A4%A',
      '/crm/activation/sessions?q=a%00',
      '/crm/activation/sessions?startedBy=%00',
      '/crm/activation/sessions/:sessionId/items?reason=%00',
      '/crm/activation/sessions/:sessionId/items?q=%00',
      '/mailbox/messages?q=%00',
      '/mailbox/messages/%00',
      `/crm/leads?q=${'x'.repeat(201)}`,
      '/activate/%',
    ])
      expectFailure(await call('GET', path), 400, 'BAD_REQUEST')
    for (const path of ['/crm/activation/progress/', '/crm/activation/sessions/', '/mailbox/messages/']) {
      const { status, success } = (await call('GET', path + 'x'.repeat(5000))) as unknown as {
        status: number
        success: boolean
      }
      expect.soft([400, 404, 414].includes(status)).toBe(true)
      expect.soft(success).toBe(false)
    }
  })

  it('of a session that does not exist is 404, whatever it looks like', async () => {
    for (const wrong of [
      'x',
      newSessionId(),
      'activation_0_0',
      '..',
      encodeURIComponent("' OR 1=1 --"),
      '%F0%9F%98%80',
    ]) {
      for (const suffix of ['', '/items', '/items.csv', '/snapshots'])
        expectFailure(
          await call('GET', `/crm/activation/sessions/${wrong === '..' ? '%2e%2e%20' : wrong}${suffix}`),
          404,
          'SESSION_NOT_FOUND',
        )
      for (const lever of ['pause', 'resume', 'cancel'])
        expectFailure(
          await call('POST', `/crm/activation/sessions/${wrong === '..' ? '%2e%2e%20' : wrong}/${lever}`),
          404,
          'SESSION_NOT_FOUND',
        )
    }
  })
})

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

  it('in the address of a read, the answer is no failure of ours', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...reads), fc.dictionary(names, odd, { maxKeys: 4 }), async (path, query) => {
        const search = new URLSearchParams(
          Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]),
        )
        const answer = await call('GET', `${path}?${search.toString()}`)
        expect([path, answer.status < 500]).toEqual([path, true])
        if (answer.status >= 400) expect(answer).toMatchObject({ success: false, code: expect.any(String) as string })
      }),
      { numRuns: 400 },
    )
  })

  it('in the body of a write, the answer is no failure of ours', async () => {
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
    await fc.assert(
      fc.asyncProperty(fc.oneof(spoiled, wild), async ({ method, path, body }) => {
        const answer = await call(method, path, {
          body: JSON.stringify(body),
          headers: path.startsWith('/api')
            ? { cookie: app.staff.superadmin.cookie, origin: 'http://localhost:3000' }
            : {},
          ...(path.startsWith('/api') ? { role: null } : {}),
        })
        expect([path, answer.status < 500]).toEqual([path, true])
        if (answer.status >= 400) expect(answer).toMatchObject({ success: false, code: expect.any(String) as string })
      }),
      { numRuns: 600 },
    )
  })

  it('instead of HTTP, the answer is 400 in the shape of all failures', async () => {
    const { port, hostname } = new URL(app.url)
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
