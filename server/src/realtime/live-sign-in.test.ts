import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { setUpLiveApp } from '../../test/app/live.ts'

const own = 'http://localhost:3000'
const live = setUpLiveApp()
const { watch, pausedSession } = live

describe('signing in to the live connection', () => {
  const refusals: [string, () => Record<string, string>, string][] = [
    ['nobody', () => ({}), '401'],
    ['nobody, from a page of ours', () => ({ origin: own }), '401'],
    ['an unknown key', () => ({ 'x-api-key': 'made-up' }), '401'],
    ['a made-up cookie', () => ({ cookie: 'rollcall.session_token=made.up', origin: own }), '401'],
    [
      'a foreign page with a cookie',
      () => ({ cookie: live.app.staff.admin.cookie, origin: 'https://evil.example' }),
      '403',
    ],
    [
      'a page whose name only begins like ours',
      () => ({ cookie: live.app.staff.admin.cookie, origin: `${own}.evil.example` }),
      '403',
    ],
    ['a page without a name', () => ({ cookie: live.app.staff.admin.cookie, origin: 'null' }), '403'],
    ['a cookie from nowhere', () => ({ cookie: live.app.staff.admin.cookie }), '403'],
    [
      'a key from a foreign page',
      () => ({ 'x-api-key': live.app.staff.admin.key, origin: 'https://evil.example' }),
      '403',
    ],
  ]
  it('the upgrade is refused to whoever is not signed in and to every page that is not one of ours', async () => {
    for (const [who, headers, status] of refusals)
      await expect(live.app.watch(headers()), who).rejects.toThrow(`refused with ${status}`)
  })

  it("the cookie of one of Rollcall's own pages and the API key of a program are accepted, whatever the role", async () => {
    const sessionId = await pausedSession()
    const entries: Record<string, string>[] = [
      { cookie: live.app.staff.support.cookie, origin: own },
      { 'x-api-key': live.app.staff.support.key },
      { 'x-api-key': live.app.staff.superadmin.key, origin: own },
    ]
    for (const headers of entries) {
      const watcher = await watch(headers)
      watcher.send({ type: 'subscribe', sessionId })
      expect((await watcher.progress(sessionId)).status).toBe('paused')
    }
  })

  it('a request without an upgrade is answered in the shape of every failure', async () => {
    expect(await live.app.call('GET', '/crm/activation/live')).toMatchObject({ status: 400, code: 'BAD_REQUEST' })
    expect(await live.app.call('GET', '/crm/activation/live', { role: null })).toMatchObject({ status: 401 })
  })

  it('connections are closed with 4401 within seconds when the person signs out, and those of others stay open', async () => {
    const cookie = await live.app.signIn('support')
    const leaving = [await watch({ cookie, origin: own }), await watch({ cookie, origin: own })]
    const staying = await watch({ cookie: live.app.staff.support.cookie, origin: own })
    await fetch(`${live.app.url}/api/auth/sign-out`, { method: 'POST', headers: { cookie, origin: own } })
    for (const watcher of leaving) expect((await watcher.closed).code).toBe(4401)
    await live.app.call('GET', '/health/live')
    expect(staying.socket.readyState).toBe(WebSocket.OPEN)
  })

  it('a connection is closed with 4401 when its API key is deleted', async () => {
    const made = await fetch(`${live.app.url}/api/auth/api-key/create`, {
      method: 'POST',
      headers: { cookie: live.app.staff.admin.cookie, origin: own, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'for a while' }),
    })
    const { id, key } = (await made.json()) as { id: string; key: string }
    const watcher = await watch({ 'x-api-key': key })
    await live.app.test.pool.query('DELETE FROM staff_api_keys WHERE id = $1', [id])
    expect((await watcher.closed).code).toBe(4401)
  })
})
