import { describe, expect, it } from 'vitest'
import { password, staffBench, superadminEmail } from '../../test/app/staff.ts'

const bench = staffBench()
const { call, trySignIn, signIn, createStaff, createKey } = bench

describe('managing staff', () => {
  it('Every route that manages staff refuses all roles but superadmins', async () => {
    const { id: victim } = await createStaff('support', 'victim@example.com')
    const routes: [method: 'GET' | 'POST', path: string, body?: object][] = [
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
      for (const [method, path, body] of routes) {
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
    const { rows } = await bench.database.pool.query(`SELECT email FROM staff_users WHERE role = 'superadmin'`)
    expect(rows).toEqual([{ email: superadminEmail }])
  })

  it('Managing staff asks for a sign-in first', async () => {
    const response = await call('GET', '/api/auth/admin/list-users')
    expect(response.statusCode).toBe(401)
    expect(response.json()).toMatchObject({ success: false, code: 'SIGN_IN_REQUIRED', msg: 'Sign in to go on.' })
  })

  it('A superadmin cannot give up the role, so that one is always left', async () => {
    const cookie = await signIn()
    const { rows } = await bench.database.pool.query<{ id: string }>('SELECT id FROM staff_users')
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

  it('A new member of staff with a short password is refused', async () => {
    const response = await call('POST', '/api/auth/admin/create-user', {
      cookie: await signIn(),
      body: { email: 'short@example.com', password: 'short', name: 'Short', role: 'support' },
    })
    expect(response.statusCode).toBe(400)
    expect(response.json()).toMatchObject({ code: 'PASSWORD_TOO_WEAK' })
  })

  it('A changed role, a revoked sign-in, and a blocked or removed member of staff take effect at once', async () => {
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
  it('A password that a superadmin sets signs out whoever knew the one before', async () => {
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

  it('A password that somebody else than a superadmin tries to set is refused and signs nobody out', async () => {
    const { id, cookie } = await createStaff('admin')
    const { cookie: supportCookie } = await createStaff('support')
    const body = { userId: id, newPassword: 'a new and long password' }
    expect((await call('POST', '/api/auth/admin/set-user-password', { cookie: supportCookie, body })).statusCode).toBe(
      403,
    )
    expect((await call('GET', '/staff/me', { cookie })).statusCode).toBe(200)
  })
})
