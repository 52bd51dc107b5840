import { describe, expect, it } from 'vitest'
import { requestChecksBench, expectFailure, reads, uuid, writes } from '../../test/app/request-checks.ts'

const bench = requestChecksBench()
const { call } = bench

/** The reads that need no sign-in, or that answer in a form of their own. */
const otherReads = [
  '/health/live',
  '/health/ready',
  '/metrics',
  '/crm/leads/count',
  '/crm/activation/sessions/:sessionId/items/count',
  '/crm/activation/progress/:sessionId/stream',
  '/crm/activation/live',
  '/openapi.json',
]
const commandPaths = ['pause', 'resume', 'cancel'].map((command) => `/crm/activation/sessions/:sessionId/${command}`)

describe('a query parameter that is not known', () => {
  const writesWithoutBody: [string, string, unknown][] = commandPaths.map((path) => ['POST', path, undefined])
  const readsToo: [string, string, unknown][] = [...reads, ...otherReads].map((path) => ['GET', path, undefined])

  it('An unknown query parameter is refused by every call of the API, and named', async () => {
    for (const [method, path, body] of [...writes, ...writesWithoutBody, ...readsToo]) {
      const name = `${method} ${path}`
      const answer = await call(method, `${path}?surprise=1`, { body })
      expectFailure(answer, 400, 'BAD_REQUEST', name)
      expect.soft(answer.msg, name).toContain('"surprise"')
      const elsewhere = method === 'GET' ? await call('HEAD', `${path}?surprise=1`) : null
      expect.soft([400, 404, null], name).toContain(elsewhere?.status ?? null)
    }
  })

  it('An unknown query parameter is refused by both calls that take a form', async () => {
    for (const path of ['/crm/leads/import', '/crm/leads/import/preview']) {
      const body = new URLSearchParams()
      expectFailure(
        await call('POST', `${path}?surprise=1`, {
          body: `--a--${body.toString()}`,
          headers: { 'content-type': 'multipart/form-data; boundary=a' },
        }),
        400,
        'BAD_REQUEST',
      )
    }
  })

  it('A query parameter of the sign-in library and of the pages of the API is left to them', async () => {
    const headers = { cookie: bench.app.staff.superadmin.cookie, origin: 'http://localhost:3000' }
    expect((await call('GET', '/api/auth/admin/list-users?limit=1', { role: null, headers })).status).toBe(200)
    expect((await call('GET', '/docs/?surprise=1')).status).toBe(200)
  })
})

describe('the body of a command', () => {
  it('A command refuses a body with anything in it', async () => {
    for (const path of commandPaths) {
      for (const body of [{ x: 1 }, [1], [], 'null', '5', '"text"', 'true', { sessionId: 'x' }])
        expectFailure(await call('POST', path, { body }), 400, 'BAD_REQUEST', `${path}: ${JSON.stringify(body)}`)
      expect.soft((await call('POST', path, { body: { x: 1 } })).msg, path).toContain('"x"')
      expectFailure(
        await call('POST', path, { body: 'a=1', headers: { 'content-type': 'text/plain' } }),
        415,
        'UNSUPPORTED_MEDIA_TYPE',
        path,
      )
    }
  })

  it('A command accepts no body, and an empty object', async () => {
    expect((await call('POST', commandPaths[0]!)).data?.status).toBe('paused')
    expect((await call('POST', commandPaths[2]!, { body: {} })).data?.status).toBe('cancelled')
  })
})

describe('a value that may have one of several forms', () => {
  const malformedSelections: [unknown, string][] = [
    [{ filter: { foo: 1 } }, 'The body has a field that Rollcall does not know in selection.filter: "foo".'],
    [{ filter: null }, 'The body is not valid: selection.filter must be object.'],
    [{ filter: {}, except: ['x'] }, 'The body is not valid: selection.except.0 must match format "uuid".'],
    [
      { filter: { status: 'old' } },
      'The body is not valid: selection.filter.status must be one of new, invited, active.',
    ],
    [{ filter: {}, foo: 1 }, 'The body has a field that Rollcall does not know in selection: "foo".'],
    [{ ids: 'all' }, 'The body is not valid: selection.ids must be array.'],
    [{ ids: [7] }, 'The body is not valid: selection.ids.0 must be string.'],
    [{ ids: [uuid], except: [] }, 'The body has a field that Rollcall does not know in selection: "except".'],
    [{ ids: [uuid], filter: {} }, 'The body is not valid: selection must not have filter and ids at the same time.'],
    [{ except: [] }, 'The body is not valid: selection must have one of ids, filter.'],
    [{}, 'The body is not valid: selection must have one of ids, filter.'],
    [null, 'The body is not valid: selection must be object.'],
    [[], 'The body is not valid: selection must be object.'],
  ]

  it('A failure about a malformed selection tells what is wrong with the form that was meant', async () => {
    for (const [selection, sentence] of malformedSelections) {
      for (const path of ['/crm/activation/sessions', '/crm/activation/preview']) {
        const name = `${path}: ${JSON.stringify(selection)}`
        const answer = await call('POST', path, { body: { selection } })
        expectFailure(answer, 400, 'BAD_REQUEST', name)
        expect.soft(answer.msg, name).toBe(sentence)
      }
    }
  })

  it('A failure about a body that may be one lead or many tells what is wrong with the form that was meant', async () => {
    for (const [body, sentence] of [
      [{}, "The body is not valid: must have required property 'email'."],
      [{ email: 5 }, 'The body is not valid: email must be string.'],
      [{ leads: [{ email: 5 }] }, 'The body is not valid: leads.0.email must be string.'],
      [{ leads: 5 }, 'The body is not valid: leads must be array.'],
    ] as const) {
      const answer = await call('POST', '/crm/leads', { body })
      expectFailure(answer, 400, 'BAD_REQUEST')
      expect.soft(answer.msg).toBe(sentence)
    }
  })
})
