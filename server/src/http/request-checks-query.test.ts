import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { newSessionId } from '../../test/app/activation.ts'
import { requestChecksBench, expectFailure, lists, uuid } from '../../test/app/request-checks.ts'
import { expectProperty } from '../../test/properties/expect-property.ts'

const { call } = requestChecksBench()

describe('a path and its query string', () => {
  it('Every list refuses a limit outside of 1 to 500', async () => {
    for (const list of lists) {
      for (const limit of ['0', '-1', '501', '1.5', 'ten', '', '1e9', '99999999999999999999', 'NaN', '1&limit=2'])
        expectFailure(await call('GET', `${list}?limit=${limit}`), 400, 'BAD_REQUEST')
      for (const limit of ['1', '500']) expect.soft((await call('GET', `${list}?limit=${limit}`)).status).toBe(200)
    }
  })

  it('Every list refuses a cursor that was never given out', async () => {
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

  it('A list is never answered with a failure of the server, whatever its cursor is', async () => {
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
    await expectProperty(
      fc.asyncProperty(fc.constantFrom(...lists), cursor, async (list, each) => {
        const answer = await call('GET', `${list}?cursor=${each}`)
        expect(answer.status).toBeLessThan(500)
        if (answer.status !== 200) expect(['BAD_CURSOR', 'BAD_REQUEST']).toContain(answer.code)
      }),
      { runs: 300 },
    )
  })

  it('A read with an unknown parameter, or with a value that a parameter cannot have, is refused', async () => {
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

  it('A path or query string is refused where its encoding is broken, where it has what no row can hold, and where it is too long', async () => {
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
    for (const path of [
      '/crm/activation/progress/',
      '/crm/activation/sessions/',
      '/mailbox/messages/',
      '/crm/leads/',
    ]) {
      for (const length of [101, 300, 301, 310, 5000]) {
        const answer = await call('GET', path + 'x'.repeat(length))
        expectFailure(answer, 400, 'BAD_REQUEST')
        expect.soft(answer.msg.length).toBeLessThan(200)
      }
    }
  })

  it('The path of a session that does not exist is answered with 404, whatever its id looks like', async () => {
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
      for (const command of ['pause', 'resume', 'cancel'])
        expectFailure(
          await call('POST', `/crm/activation/sessions/${wrong === '..' ? '%2e%2e%20' : wrong}/${command}`),
          404,
          'SESSION_NOT_FOUND',
        )
    }
  })
})
