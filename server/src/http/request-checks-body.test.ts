import { describe, expect, it } from 'vitest'
import { newSessionId } from '../../test/app/activation.ts'
import { requestChecksBench, expectFailure, uuid, writes } from '../../test/app/request-checks.ts'

const bench = requestChecksBench()
const { call } = bench

describe('a body', () => {
  it('Every write refuses a body that is not JSON, not an object, or of another media type', async () => {
    for (const [method, path] of writes) {
      const name = `${method} ${path}`
      for (const body of ['{"a":', 'nonsense', "{'a':1}"])
        expectFailure(await call(method, path, { body }), 400, 'BAD_REQUEST', `${name}: ${body}`)
      for (const body of ['null', '5', '"text"', '[]', 'true'])
        expectFailure(await call(method, path, { body }), 400, 'BAD_REQUEST', `${name}: ${body}`)
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
          `${name}: ${type}`,
        )
    }
  })

  it('Every write refuses an empty body, and one with an unknown field', async () => {
    for (const [method, path, right] of writes) {
      const name = `${method} ${path}`
      const empty = await call(method, path, { headers: { 'content-type': 'application/json' } })
      expectFailure(empty, 400, 'BAD_REQUEST', name)
      const answer = await call(method, path, { body: { ...(right as object), surprise: 1 } })
      expectFailure(answer, 400, 'BAD_REQUEST', name)
    }
  })

  it('Every write refuses a huge body with 413', async () => {
    for (const [method, path] of writes) {
      const answer = await call(method, path, { body: `{"a":"${'x'.repeat(9 * 1024 * 1024)}"}` })
      expectFailure(answer, 413, 'BODY_TOO_LARGE', `${method} ${path}`)
    }
  })

  it('Every write refuses a body with a text that no row can hold', async () => {
    for (const [method, path, right] of writes) {
      for (const text of ['a\0b', 'a\ud800b']) {
        const spoiled = JSON.stringify(right, (_key, value: unknown) => (typeof value === 'string' ? text : value))
        const answer = await call(method, path, {
          body: spoiled.includes(text) ? spoiled : JSON.stringify({ [text]: 1 }),
        })
        const name = `${method} ${path}: ${JSON.stringify(text)}`
        expect.soft(answer.status, name).toBeGreaterThanOrEqual(400)
        expect.soft(answer.status, name).toBeLessThan(500)
      }
    }
  })

  it('A body is refused where it is nested deeper than any stack', async () => {
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

  it('A body with a field of the wrong type is refused, and the field is named', async () => {
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

  it('A body with the id of a lead or session in another form than theirs is refused', async () => {
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
      const body = { sessionId: wrong, selection: { ids: bench.ids } }
      expectFailure(await call('POST', '/crm/activation/sessions', { body }), 400, 'BAD_REQUEST')
    }
  })

  it('A selection may have 10,000 ids, and one of 10,001 is refused', async () => {
    const many = Array.from(
      { length: 10_001 },
      (_, index) => uuid.slice(0, -5) + String(10_000 + index).padStart(5, '0'),
    )
    const answer = await call('POST', '/crm/activation/preview', { body: { selection: { ids: many } } })
    expectFailure(answer, 400, 'BAD_REQUEST')
    const most = await call('POST', '/crm/activation/preview', { body: { selection: { ids: many.slice(1) } } })
    expectFailure(most, 422, 'LEADS_NOT_FOUND')
  })

  it('A session is refused whose start time does not exist or has passed', async () => {
    const start = (startAt: unknown) =>
      call('POST', '/crm/activation/sessions', { body: { selection: { ids: bench.ids }, options: { startAt } } })
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
