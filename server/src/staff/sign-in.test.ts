import type { IncomingHttpHeaders } from 'node:http'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createTestApp, type App } from '../../test/app/app.ts'
import { createSignInCheck } from './sign-in.ts'

const own = 'http://localhost:3000'
let app: App
let check: ReturnType<typeof createSignInCheck>

beforeAll(async () => {
  app = await createTestApp()
  check = createSignInCheck(app.test.database)
})
afterAll(() => app.close())

const one = async (headers: IncomingHttpHeaders) => (await check([headers]))[0]

it('The check of many sign-ins knows cookies and keys of all who are signed in', async () => {
  const people = Object.values(app.staff)
  const all = people.flatMap(({ cookie, key }) => [
    { cookie },
    { 'x-api-key': key },
    { cookie: `theme=dark; ${cookie}` },
  ])
  expect(await check(all)).toEqual(all.map(() => true))
  expect(await check([])).toEqual([])
})

it('The check of many sign-ins says in their order which are over: signed out, revoked, expired, banned, without a role', async () => {
  const { support, admin, superadmin } = app.staff
  const cookie = await app.signIn('support')
  expect(await one({ cookie })).toBe(true)
  await fetch(`${app.url}/api/auth/sign-out`, { method: 'POST', headers: { cookie, origin: own } })
  const made = [{ cookie }, { cookie: support.cookie }, { 'x-api-key': 'made-up' }, {}, { cookie: 'other=1' }]
  expect(await check(made)).toEqual([false, true, false, false, false])

  await app.test.pool.query(`UPDATE staff_api_keys SET enabled = false WHERE reference_id = $1`, [support.id])
  expect(await one({ 'x-api-key': support.key })).toBe(false)
  await app.test.pool.query(`UPDATE staff_sessions SET expires_at = now() WHERE user_id = $1`, [support.id])
  expect(await one({ cookie: support.cookie })).toBe(false)
  await app.test.pool.query(`UPDATE staff_users SET banned = true WHERE id = $1`, [admin.id])
  expect(await check([{ cookie: admin.cookie }, { 'x-api-key': admin.key }])).toEqual([false, false])
  await app.test.pool.query(`UPDATE staff_users SET ban_expires = now() - interval '1 second' WHERE id = $1`, [
    admin.id,
  ])
  expect(await check([{ cookie: admin.cookie }, { 'x-api-key': admin.key }])).toEqual([true, true])
  await app.test.pool.query(`UPDATE staff_users SET role = 'guest' WHERE id = $1`, [superadmin.id])
  expect(await check([{ cookie: superadmin.cookie }, { 'x-api-key': superadmin.key }])).toEqual([false, false])
})
