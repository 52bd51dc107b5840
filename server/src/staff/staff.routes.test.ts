import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Role } from '@rollcall/shared'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { type Database, openDatabase, openPool } from '../db/database.ts'
import { decorateWithStaff, originsOf, requireRole } from '../http/roles.ts'
import { createServer, type Server } from '../http/server.ts'
import { createAuth } from './auth.ts'
import { ensureFirstSuperadmin } from './first-staff.ts'
import { createIdentify } from './sign-in.ts'
import { staffRoutes } from './staff.routes.ts'

const publicUrl = 'http://localhost:3000'
const secret = 'a secret that is long enough for the tests of sign-in'
const password = 'correct horse battery'
const superadminEmail = 'root@example.com'

let database: TestDatabase
let server: Server

async function serve(over: Database) {
  const logger = pino({ level: 'silent' })
  const auth = createAuth({ database: over, secret, publicUrl, logger })
  const server = await createServer({ logger, https: false })
  decorateWithStaff(server, {
    identify: createIdentify({ auth, database: over }),
    allowedOrigins: originsOf(publicUrl),
  })
  await server.register(staffRoutes, {
    auth,
    publicUrl,
    installation: { builtInMailbox: true, importMaximumBytes: 1000 },
  })
  server.get('/for/admins', { preHandler: requireRole('admin') }, (request, reply) => reply.send(request.staff.email))
  return server
}

beforeAll(async () => {
  database = await createTestDatabase()
  server = await serve(database.database)
})

beforeEach(async () => {
  await database.pool.query('DELETE FROM staff_users; DELETE FROM staff_rate_limits')
  await ensureFirstSuperadmin({ database: database.database, email: superadminEmail, password })
})

afterAll(async () => {
  await server.close()
  await database.close()
})

interface Call {
  body?: object
  cookie?: string
  key?: string
  origin?: string
  address?: string
  headers?: Record<string, string>
}

function call(method: 'GET' | 'POST', url: string, { body, cookie, key, address, ...rest }: Call = {}) {
  return server.inject({
    method,
    url,
    ...(body === undefined ? {} : { payload: body }),
    ...(address === undefined ? {} : { remoteAddress: address }),
    headers: {
      origin: rest.origin ?? publicUrl,
      ...(cookie === undefined ? {} : { cookie }),
      ...(key === undefined ? {} : { 'x-api-key': key }),
      ...rest.headers,
    },
  })
}

function trySignIn(email: string, secretWord = password, more: Call = {}) {
  return call('POST', '/api/auth/sign-in/email', { ...more, body: { email, password: secretWord } })
}

/** Signs in; what a browser would send as its cookie afterwards. */
async function signIn(email = superadminEmail): Promise<string> {
  const response = await trySignIn(email)
  expect(response.statusCode).toBe(200)
  return response.cookies.map(({ name, value }) => `${name}=${encodeURIComponent(value)}`).join('; ')
}

async function createStaff(role: Role, email = `${role}@example.com`): Promise<{ id: string; cookie: string }> {
  const created = await call('POST', '/api/auth/admin/create-user', {
    cookie: await signIn(),
    body: { email, password, name: `A ${role}`, role },
  })
  expect(created.statusCode).toBe(200)
  return { id: created.json<{ user: { id: string } }>().user.id, cookie: await signIn(email) }
}

async function createKey(cookie: string): Promise<string> {
  const response = await call('POST', '/api/auth/api-key/create', { cookie, body: { name: 'a program' } })
  expect(response.statusCode).toBe(200)
  return response.json<{ key: string }>().key
}

describe('signing in', () => {
  it('sets a cookie that scripts cannot read and foreign pages cannot send, and tells who one is', async () => {
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

  it('works for the first superadmin at a host without a dot, in the words in which the banner gives it', async () => {
    await database.pool.query('DELETE FROM staff_users')
    await ensureFirstSuperadmin({ database: database.database, email: 'admin@localhost', password })
    const response = await trySignIn('Admin@localhost')
    expect(response.statusCode).toBe(200)
    expect(response.json<{ user: { email: string } }>().user.email).toBe('admin@localhost')
    const me = await call('GET', '/staff/me', { cookie: await signIn('admin@localhost') })
    expect(me.json<{ data: { email: string } }>().data.email).toBe('admin@localhost')
    expect((await trySignIn('admin@localhost', 'wrong password')).statusCode).toBe(401)
  })

  it('says the same sentence for a wrong password and for an address that nobody has', async () => {
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

  it('answers a body that is no sign-in with what is wrong with it', async () => {
    const response = await call('POST', '/api/auth/sign-in/email', { body: { email: superadminEmail } })
    expect(response.statusCode).toBe(400)
    expect(response.json()).toMatchObject({ success: false, code: 'BAD_REQUEST' })
  })

  it('is not offered to a page of another host', async () => {
    const response = await trySignIn(superadminEmail, password, { origin: 'https://evil.example' })
    expect(response.statusCode).toBe(403)
    expect(response.json()).toMatchObject({ code: 'ORIGIN_NOT_ALLOWED' })
    const sameMachine = await trySignIn(superadminEmail, password, { origin: 'http://127.0.0.1:3000' })
    expect(sameMachine.statusCode).toBe(200)
  })

  it('is limited for one address, whatever address a client claims, and says when to try again', async () => {
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
    await database.pool.query(`UPDATE staff_rate_limits SET window_start = window_start - interval '61 seconds'`)
    expect((await trySignIn(superadminEmail, password, { address: '203.0.113.9' })).statusCode).toBe(200)
  })

  it('cannot be replaced by signing up', async () => {
    const response = await call('POST', '/api/auth/sign-up/email', {
      body: { email: 'new@example.com', password, name: 'New' },
    })
    expect(response.statusCode).toBe(404)
    const { rows } = await database.pool.query('SELECT email FROM staff_users')
    expect(rows).toEqual([{ email: superadminEmail }])
  })

  it('ends by signing out, for every use of the same cookie', async () => {
    const cookie = await signIn()
    expect((await call('POST', '/api/auth/sign-out', { cookie, body: {} })).statusCode).toBe(200)
    const me = await call('GET', '/staff/me', { cookie })
    expect(me.statusCode).toBe(401)
    expect(me.json()).toMatchObject({ success: false, code: 'SIGN_IN_REQUIRED' })
  })

  it('lets nobody store a value that the database refuses, and says so', async () => {
    const response = await call('POST', '/api/auth/update-user', { cookie: await signIn(), body: { name: null } })
    expect(response.statusCode).toBe(400)
    expect(response.json()).toMatchObject({ success: false, code: 'BAD_REQUEST' })
  })

  it('lasts a week from the last day of use', async () => {
    const cookie = await signIn()
    await database.pool.query(`UPDATE staff_sessions SET expires_at = now() + interval '2 days'`)
    const me = await call('GET', '/staff/me', { cookie })
    expect(me.cookies).toEqual([expect.objectContaining({ name: 'rollcall.session_token', maxAge: 7 * 24 * 3600 })])
    const { rows } = await database.pool.query(
      `SELECT expires_at > now() + interval '6 days' AS prolonged FROM staff_sessions`,
    )
    expect(rows).toEqual([{ prolonged: true }])
  })
})

describe('managing staff', () => {
  it('is for superadmins: whoever is less is refused at every door', async () => {
    const { id: victim } = await createStaff('support', 'victim@example.com')
    const doors: [method: 'GET' | 'POST', path: string, body?: object][] = [
      ['POST', 'set-role', { userId: victim, role: 'superadmin' }],
      ['POST', 'create-user', { email: 'x@example.com', password, name: 'X', role: 'superadmin' }],
      ['POST', 'update-user', { userId: victim, data: { role: 'superadmin' } }],
      ['POST', 'update-user', { userId: victim, data: { email: 'y@example.com' } }],
      ['POST', 'set-user-password', { userId: victim, newPassword: 'another long password' }],
      ['POST', 'ban-user', { userId: victim }],
      ['POST', 'unban-user', { userId: victim }],
      ['POST', 'remove-user', { userId: victim }],
      ['POST', 'list-user-sessions', { userId: victim }],
      ['POST', 'revoke-user-sessions', { userId: victim }],
      ['GET', 'list-users'],
      ['GET', `get-user?id=${victim}`],
    ]
    for (const role of ['support', 'admin'] as const) {
      const { cookie, id } = await createStaff(role)
      for (const [method, path, body] of doors) {
        const response = await call(method, `/api/auth/admin/${path}`, { cookie, body })
        expect([path, response.statusCode]).toEqual([path, 403])
        expect(response.json()).toMatchObject({ success: false, code: 'FORBIDDEN' })
      }
      const ownRole = await call('POST', '/api/auth/admin/set-role', {
        cookie,
        body: { userId: id, role: 'superadmin' },
      })
      expect(ownRole.statusCode).toBe(403)
      const ownName = await call('POST', '/api/auth/update-user', { cookie, body: { name: 'Me', role: 'superadmin' } })
      expect(ownName.statusCode).toBeGreaterThanOrEqual(400)
    }
    const { rows } = await database.pool.query(`SELECT email FROM staff_users WHERE role = 'superadmin'`)
    expect(rows).toEqual([{ email: superadminEmail }])
  })

  it('asks for a sign-in first', async () => {
    const response = await call('GET', '/api/auth/admin/list-users')
    expect(response.statusCode).toBe(401)
    expect(response.json()).toMatchObject({ success: false, code: 'SIGN_IN_REQUIRED', msg: 'Sign in to go on.' })
  })

  it('does not let a superadmin give up the role, so that one is always left', async () => {
    const cookie = await signIn()
    const { rows } = await database.pool.query<{ id: string }>('SELECT id FROM staff_users')
    const userId = rows[0]?.id
    const attempts = await Promise.all([
      call('POST', '/api/auth/admin/set-role', { cookie, body: { userId, role: 'support' } }),
      call('POST', '/api/auth/admin/set-role', { cookie, body: { userId: [userId], role: 'support' } }),
      call('POST', '/api/auth/admin/update-user', { cookie, body: { userId, data: { role: 'support' } } }),
    ])
    for (const attempt of attempts) {
      expect(attempt.statusCode).toBe(403)
      expect(attempt.json()).toMatchObject({ msg: 'Nobody can change their own role; ask another superadmin.' })
    }
  })

  it('refuses a short password for somebody new', async () => {
    const response = await call('POST', '/api/auth/admin/create-user', {
      cookie: await signIn(),
      body: { email: 'short@example.com', password: 'short', name: 'Short', role: 'support' },
    })
    expect(response.statusCode).toBe(400)
    expect(response.json()).toMatchObject({ code: 'PASSWORD_TOO_WEAK' })
  })

  it('takes effect at once: a changed role, a revoked session, a blocked and a removed person', async () => {
    const { id, cookie } = await createStaff('admin')
    const root = await signIn()
    const manage = (path: string, body: object) => call('POST', `/api/auth/admin/${path}`, { cookie: root, body })
    const status = async (value: string) => (await call('GET', '/for/admins', { cookie: value })).statusCode
    expect(await status(cookie)).toBe(200)
    expect((await manage('set-role', { userId: id, role: 'support' })).statusCode).toBe(200)
    expect(await status(cookie)).toBe(403)
    await manage('set-role', { userId: id, role: 'admin' })
    expect(await status(cookie)).toBe(200)
    await manage('revoke-user-sessions', { userId: id })
    expect(await status(cookie)).toBe(401)

    const secondCookie = await signIn('admin@example.com')
    const key = await createKey(secondCookie)
    await manage('ban-user', { userId: id })
    expect(await status(secondCookie)).toBe(401)
    expect((await call('GET', '/for/admins', { key })).statusCode).toBe(401)
    const refused = await trySignIn('admin@example.com')
    expect(refused.statusCode).toBe(403)
    expect(refused.json()).toMatchObject({ msg: 'This account was blocked; ask a superadmin.' })

    await manage('unban-user', { userId: id })
    const thirdCookie = await signIn('admin@example.com')
    expect((await call('GET', '/for/admins', { key })).statusCode).toBe(200)
    await manage('remove-user', { userId: id })
    expect(await status(thirdCookie)).toBe(401)
    expect((await call('GET', '/for/admins', { key })).statusCode).toBe(401)
  })
})

describe('a password that a superadmin sets', () => {
  it('signs out whoever knew the one before', async () => {
    const { id, cookie } = await createStaff('admin')
    const set = await call('POST', '/api/auth/admin/set-user-password', {
      cookie: await signIn(),
      body: { userId: id, newPassword: 'a new and long password' },
    })
    expect(set.statusCode).toBe(200)
    expect((await call('GET', '/staff/me', { cookie })).statusCode).toBe(401)
    expect((await trySignIn('admin@example.com')).statusCode).toBe(401)
    expect((await trySignIn('admin@example.com', 'a new and long password')).statusCode).toBe(200)
  })

  it('does not sign anybody out where it is refused', async () => {
    const { id, cookie } = await createStaff('admin')
    const { cookie: supportCookie } = await createStaff('support')
    const body = { userId: id, newPassword: 'a new and long password' }
    expect((await call('POST', '/api/auth/admin/set-user-password', { cookie: supportCookie, body })).statusCode).toBe(
      403,
    )
    expect((await call('GET', '/staff/me', { cookie })).statusCode).toBe(200)
  })
})

describe('while the database is away', () => {
  it('signing in is answered with that, and not with a wrong password', async () => {
    const cookie = await signIn()
    const pool = openPool('postgres://nobody@127.0.0.1:1/nothing', { maximum: 1, onError: () => {} })
    const lonely = await serve(openDatabase(pool))
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

describe('an API key', () => {
  it('has the role of the person who made it, as often as it is used', async () => {
    const { cookie, id } = await createStaff('admin')
    const key = await createKey(cookie)
    for (let turn = 0; turn < 30; turn++) {
      const response = await call('GET', '/for/admins', { key })
      expect([response.statusCode, response.body]).toEqual([200, 'admin@example.com'])
    }
    await call('POST', '/api/auth/admin/set-role', { cookie: await signIn(), body: { userId: id, role: 'support' } })
    expect((await call('GET', '/for/admins', { key })).statusCode).toBe(403)
  })

  it('is stored as a digest, is gone when it is deleted, and is worth nothing when made up', async () => {
    const { cookie } = await createStaff('admin')
    const key = await createKey(cookie)
    const { rows } = await database.pool.query<{ id: string; key: string }>('SELECT id, key FROM staff_api_keys')
    expect(rows[0]?.key).not.toContain(key)
    expect((await call('GET', '/for/admins', { key: rows[0]?.key })).statusCode).toBe(401)
    for (const guess of ['', 'x', 'x'.repeat(10_000), `${key}x`])
      expect((await call('GET', '/for/admins', { key: guess })).statusCode).toBe(401)
    const deleted = await call('POST', '/api/auth/api-key/delete', { cookie, body: { keyId: rows[0]?.id } })
    expect(deleted.statusCode).toBe(200)
    expect((await call('GET', '/for/admins', { key })).statusCode).toBe(401)
  })

  it('decides alone where a cookie comes with it', async () => {
    expect((await call('GET', '/for/admins', { cookie: await signIn(), key: 'made up' })).statusCode).toBe(401)
  })

  it('ends at its date', async () => {
    const { cookie } = await createStaff('admin')
    const key = await createKey(cookie)
    await database.pool.query(`UPDATE staff_api_keys SET expires_at = now() - interval '1 second'`)
    expect((await call('GET', '/for/admins', { key })).statusCode).toBe(401)
  })

  it('cannot be made with a wider reach than its owner has', async () => {
    const { cookie, id } = await createStaff('support')
    const root = (await database.pool.query<{ id: string }>(`SELECT id FROM staff_users WHERE role = 'superadmin'`))
      .rows[0]
    const forAnother = await call('POST', '/api/auth/api-key/create', { cookie, body: { name: 'x', userId: root?.id } })
    expect(forAnother.statusCode).toBeGreaterThanOrEqual(400)
    await createKey(cookie)
    const { rows } = await database.pool.query('SELECT DISTINCT reference_id FROM staff_api_keys')
    expect(rows).toEqual([{ reference_id: id }])
  })
})

describe('the first superadmin', () => {
  it('is created once, also by several processes at once, with a password that is told once', async () => {
    await database.pool.query('DELETE FROM staff_users')
    const ensure = () =>
      ensureFirstSuperadmin({ database: database.database, email: 'First@example.com', password: null })
    const results = await Promise.all([ensure(), ensure(), ensure()])
    const created = results.filter((result) => result.created)
    expect(created).toHaveLength(1)
    expect(created[0]?.generatedPassword).toMatch(/^[A-Za-z2-9]{20}$/)
    expect(results.filter(({ generatedPassword }) => generatedPassword !== null)).toHaveLength(1)
    expect(await ensure()).toEqual({ email: 'First@example.com', generatedPassword: null, created: false })
    expect((await trySignIn('first@example.com', created[0]?.generatedPassword ?? '')).statusCode).toBe(200)
  })
})
