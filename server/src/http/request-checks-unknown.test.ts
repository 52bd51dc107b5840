import { describe, expect, it } from 'vitest'
import { requestChecksBench, expectFailure, reads, uuid, writes } from '../../test/app/request-checks.ts'

const bench = requestChecksBench()
const { call } = bench

/** What reads without a sign-in, or in a way of its own. */
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

describe('a parameter that is not known', () => {
  const writesWithoutBody: [string, string, unknown][] = commandPaths.map((path) => ['POST', path, undefined])
  const readsToo: [string, string, unknown][] = [...reads, ...otherReads].map((path) => ['GET', path, undefined])

  it.each([...writes, ...writesWithoutBody, ...readsToo])('is refused at %s %s', async (method, path, body) => {
    const answer = await call(method, `${path}?surprise=1`, { body })
    expectFailure(answer, 400, 'BAD_REQUEST')
    expect.soft(answer.msg).toContain('"surprise"')
    const elsewhere = method === 'GET' ? await call('HEAD', `${path}?surprise=1`) : null
    expect.soft([400, 404, null]).toContain(elsewhere?.status ?? null)
  })

  it('is refused at both calls with a form', async () => {
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

  it('is left to those whose words it is in: sign-in and staff, and the pages of the API', async () => {
    const headers = { cookie: bench.app.staff.superadmin.cookie, origin: 'http://localhost:3000' }
    expect((await call('GET', '/api/auth/admin/list-users?limit=1', { role: null, headers })).status).toBe(200)
    expect((await call('GET', '/docs/?surprise=1')).status).toBe(200)
  })
})

describe('a command, which needs no body,', () => {
  it.each(commandPaths)('POST %s refuses whatever is in one', async (path) => {
    for (const body of [{ x: 1 }, [1], [], 'null', '5', '"text"', 'true', { sessionId: 'x' }])
      expectFailure(await call('POST', path, { body }), 400, 'BAD_REQUEST')
    expect.soft((await call('POST', path, { body: { x: 1 } })).msg).toContain('"x"')
    expectFailure(
      await call('POST', path, { body: 'a=1', headers: { 'content-type': 'text/plain' } }),
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    )
  })

  it('takes none, and an empty object', async () => {
    expect((await call('POST', commandPaths[0]!)).data?.status).toBe('paused')
    expect((await call('POST', commandPaths[2]!, { body: {} })).data?.status).toBe('cancelled')
  })
})

describe('of a value that has one of several forms, the problem of the form that was meant is told:', () => {
  it.each<[unknown, string]>([
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
  ])('%j', async (selection, sentence) => {
    for (const path of ['/crm/activation/sessions', '/crm/activation/preview']) {
      const answer = await call('POST', path, { body: { selection } })
      expectFailure(answer, 400, 'BAD_REQUEST')
      expect.soft(answer.msg).toBe(sentence)
    }
  })

  it('one lead, or many', async () => {
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
