import { describe, expect, it } from 'vitest'
import { password, publicUrl, serveStaff, staffBench, superadminEmail } from '../../test/app/staff.ts'
import { openDatabase, openPool } from '../db/database.ts'
import { ensureFirstSuperadmin } from './first-staff.ts'

const bench = staffBench()
const { call, trySignIn, signIn } = bench

describe('signing in', () => {
  it('A sign-in sets a cookie that scripts cannot read and foreign pages cannot send, and tells who is signed in', async () => {
    const response = await trySignIn(superadminEmail.toUpperCase())
    expect(response.cookies).toEqual([
      expect.objectContaining({ name: 'rollcall.session_token', httpOnly: true, sameSite: 'Lax', path: '/' }),
    ])
    expect(response.headers['cache-control']).toBe('no-store')
    const me = await call('GET', '/staff/me', { cookie: await signIn() })
    expect(me.json()).toEqual({
      success: true,
      data: {
        id: expect.any(String) as string,
        name: 'Superadmin',
        email: superadminEmail,
        role: 'superadmin',
        builtInMailbox: true,
        importMaximumBytes: 1000,
      },
    })
  })

  it('The first superadmin can sign in with the default address, in upper or lower case', async () => {
    await bench.database.pool.query('DELETE FROM staff_users')
    await ensureFirstSuperadmin({ database: bench.database.database, email: 'admin@rollcall.localhost', password })
    const response = await trySignIn('Admin@rollcall.localhost')
    expect(response.statusCode).toBe(200)
    expect(response.json<{ user: { email: string } }>().user.email).toBe('admin@rollcall.localhost')
    const me = await call('GET', '/staff/me', { cookie: await signIn('admin@rollcall.localhost') })
    expect(me.json<{ data: { email: string } }>().data.email).toBe('admin@rollcall.localhost')
    expect((await trySignIn('admin@rollcall.localhost', 'wrong password')).statusCode).toBe(401)
  })

  it('A sign-in is refused with the same sentence for a wrong password and for an address that nobody has', async () => {
    const answers = await Promise.all([
      trySignIn(superadminEmail, 'wrong password'),
      trySignIn('nobody@example.com', 'wrong password'),
    ])
    for (const answer of answers) {
      expect(answer.statusCode).toBe(401)
      expect(answer.json()).toEqual({
        success: false,
        code: 'SIGN_IN_REFUSED',
        msg: 'This e-mail address and this password do not belong together; try again.',
      })
      expect(answer.cookies).toEqual([])
    }
  })

  it('A sign-in with a malformed body is refused with what is wrong with it', async () => {
    const response = await call('POST', '/api/auth/sign-in/email', { body: { email: superadminEmail } })
    expect(response.statusCode).toBe(400)
    expect(response.json()).toMatchObject({ success: false, code: 'BAD_REQUEST' })
  })

  it('A sign-in from a page of another host is refused', async () => {
    const response = await trySignIn(superadminEmail, password, { origin: 'https://evil.example' })
    expect(response.statusCode).toBe(403)
    expect(response.json()).toMatchObject({ code: 'ORIGIN_NOT_ALLOWED' })
    const sameMachine = await trySignIn(superadminEmail, password, { origin: 'http://127.0.0.1:3000' })
    expect(sameMachine.statusCode).toBe(200)
  })

  it('Sign-ins are limited for one address, whatever address a client claims, and the refusal says when to try again', async () => {
    const answers = []
    for (let turn = 0; turn < 21; turn++) {
      const headers = { 'x-rollcall-client-address': `192.0.2.${turn}`, 'x-real-ip': `192.0.2.${turn}` }
      answers.push(await trySignIn(superadminEmail, 'wrong password', { address: '203.0.113.9', headers }))
    }
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([...Array.from({ length: 20 }, () => 401), 429])
    const last = answers.at(-1)
    expect(last?.json()).toMatchObject({ success: false, code: 'TOO_MANY_REQUESTS' })
    expect(Number(last?.headers['retry-after'])).toBeGreaterThan(0)
    expect((await trySignIn(superadminEmail, password, { address: '203.0.113.10' })).statusCode).toBe(200)
    await bench.database.pool.query(`UPDATE staff_rate_limits SET window_start = window_start - interval '61 seconds'`)
    expect((await trySignIn(superadminEmail, password, { address: '203.0.113.9' })).statusCode).toBe(200)
  })

  it('Nobody can sign up instead of signing in', async () => {
    const response = await call('POST', '/api/auth/sign-up/email', {
      body: { email: 'new@example.com', password, name: 'New' },
    })
    expect(response.statusCode).toBe(404)
    const { rows } = await bench.database.pool.query('SELECT email FROM staff_users')
    expect(rows).toEqual([{ email: superadminEmail }])
  })

  it('A sign-out ends the sign-in for every use of the same cookie', async () => {
    const cookie = await signIn()
    expect((await call('POST', '/api/auth/sign-out', { cookie, body: {} })).statusCode).toBe(200)
    const me = await call('GET', '/staff/me', { cookie })
    expect(me.statusCode).toBe(401)
    expect(me.json()).toMatchObject({ success: false, code: 'SIGN_IN_REQUIRED' })
  })

  it('A value that the database cannot store is refused by the sign-in routes with 400', async () => {
    const response = await call('POST', '/api/auth/update-user', { cookie: await signIn(), body: { name: null } })
    expect(response.statusCode).toBe(400)
    expect(response.json()).toMatchObject({ success: false, code: 'BAD_REQUEST' })
  })

  it('A sign-in lasts a week from the last day of use', async () => {
    const cookie = await signIn()
    await bench.database.pool.query(`UPDATE staff_sessions SET expires_at = now() + interval '2 days'`)
    const me = await call('GET', '/staff/me', { cookie })
    expect(me.cookies).toEqual([expect.objectContaining({ name: 'rollcall.session_token', maxAge: 7 * 24 * 3600 })])
    const { rows } = await bench.database.pool.query(
      `SELECT expires_at > now() + interval '6 days' AS prolonged FROM staff_sessions`,
    )
    expect(rows).toEqual([{ prolonged: true }])
  })
})

describe('while the database is away', () => {
  it('A sign-in while the database is away is answered with that, and not with a wrong password', async () => {
    const cookie = await signIn()
    const pool = openPool('postgres://nobody@127.0.0.1:1/nothing', { maximum: 1, onError: () => {} })
    const lonely = await serveStaff(openDatabase(pool))
    for (const [method, url] of [
      ['POST', '/api/auth/sign-in/email'],
      ['GET', '/api/auth/get-session'],
      ['GET', '/staff/me'],
    ] as const) {
      const response = await lonely.inject({
        method,
        url,
        headers: { cookie, origin: publicUrl },
        ...(method === 'POST' ? { payload: { email: superadminEmail, password } } : {}),
      })
      expect([url, response.statusCode]).toEqual([url, 503])
      expect(response.json()).toMatchObject({ success: false, code: 'UNAVAILABLE' })
    }
    await lonely.close()
    await pool.end()
  })
})
