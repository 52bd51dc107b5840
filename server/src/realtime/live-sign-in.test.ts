import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { liveBench } from '../../test/app/live.ts'

const own = 'http://localhost:3000'
const bench = liveBench()
const { watch, pausedSession } = bench

describe('signing in to the live connection', () => {
  const refusals: [string, () => Record<string, string>, string][] = [
    ['nobody', () => ({}), '401'],
    ['nobody, from a page of ours', () => ({ origin: own }), '401'],
    ['an unknown key', () => ({ 'x-api-key': 'made-up' }), '401'],
    ['a made-up cookie', () => ({ cookie: 'rollcall.session_token=made.up', origin: own }), '401'],
    [
      'a foreign page with a cookie',
      () => ({ cookie: bench.app.staff.admin.cookie, origin: 'https://evil.example' }),
      '403',
    ],
    [
      'a page whose name only begins like ours',
      () => ({ cookie: bench.app.staff.admin.cookie, origin: `${own}.evil.example` }),
      '403',
    ],
    ['a page without a name', () => ({ cookie: bench.app.staff.admin.cookie, origin: 'null' }), '403'],
    ['a cookie from nowhere', () => ({ cookie: bench.app.staff.admin.cookie }), '403'],
    [
      'a key from a foreign page',
      () => ({ 'x-api-key': bench.app.staff.admin.key, origin: 'https://evil.example' }),
      '403',
    ],
  ]
  it.each(refusals)('refuses %s before the upgrade', async (_who, headers, status) => {
    await expect(bench.app.watch(headers())).rejects.toThrow(`refused with ${status}`)
  })

  it('takes the cookie from a page of ours, and an API key from a program, whoever may read', async () => {
    const sessionId = await pausedSession()
    const entries: Record<string, string>[] = [
      { cookie: bench.app.staff.support.cookie, origin: own },
      { 'x-api-key': bench.app.staff.support.key },
      { 'x-api-key': bench.app.staff.superadmin.key, origin: own },
    ]
    for (const headers of entries) {
      const watcher = await watch(headers)
      watcher.send({ type: 'subscribe', sessionId })
      expect((await watcher.progress(sessionId)).status).toBe('paused')
    }
  })

  it('tells in the shape of every failure that it is no page', async () => {
    expect(await bench.app.call('GET', '/crm/activation/live')).toMatchObject({ status: 400, code: 'BAD_REQUEST' })
    expect(await bench.app.call('GET', '/crm/activation/live', { role: null })).toMatchObject({ status: 401 })
  })

  it('closes with 4401 within seconds when the person signs out, and leaves the sockets of others', async () => {
    const cookie = await bench.app.signIn('support')
    const leaving = [await watch({ cookie, origin: own }), await watch({ cookie, origin: own })]
    const staying = await watch({ cookie: bench.app.staff.support.cookie, origin: own })
    await fetch(`${bench.app.url}/api/auth/sign-out`, { method: 'POST', headers: { cookie, origin: own } })
    for (const watcher of leaving) expect((await watcher.closed).code).toBe(4401)
    await bench.app.call('GET', '/health/live')
    expect(staying.socket.readyState).toBe(WebSocket.OPEN)
  })

  it('closes with 4401 when the key is taken away', async () => {
    const made = await fetch(`${bench.app.url}/api/auth/api-key/create`, {
      method: 'POST',
      headers: { cookie: bench.app.staff.admin.cookie, origin: own, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'for a while' }),
    })
    const { id, key } = (await made.json()) as { id: string; key: string }
    const watcher = await watch({ 'x-api-key': key })
    await bench.app.test.pool.query('DELETE FROM staff_api_keys WHERE id = $1', [id])
    expect((await watcher.closed).code).toBe(4401)
  })
})
