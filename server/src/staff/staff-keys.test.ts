import { describe, expect, it } from 'vitest'
import { staffBench } from '../../test/app/staff.ts'

const bench = staffBench()
const { call, signIn, createStaff, createKey } = bench

describe('an API key', () => {
  it('An API key has the role of the person who made it, as often as it is used', async () => {
    const { cookie, id } = await createStaff('admin')
    const key = await createKey(cookie)
    for (let turn = 0; turn < 30; turn++) {
      const response = await call('GET', '/for/admins', { key })
      expect([response.statusCode, response.body]).toEqual([200, 'admin@example.com'])
    }
    await call('POST', '/api/auth/admin/set-role', { cookie: await signIn(), body: { userId: id, role: 'support' } })
    expect((await call('GET', '/for/admins', { key })).statusCode).toBe(403)
  })

  it('An API key is stored as a digest, and one that was deleted or made up is refused', async () => {
    const { cookie } = await createStaff('admin')
    const key = await createKey(cookie)
    const { rows } = await bench.database.pool.query<{ id: string; key: string }>('SELECT id, key FROM staff_api_keys')
    expect(rows[0]?.key).not.toContain(key)
    expect((await call('GET', '/for/admins', { key: rows[0]?.key })).statusCode).toBe(401)
    for (const guess of ['', 'x', 'x'.repeat(10_000), `${key}x`])
      expect((await call('GET', '/for/admins', { key: guess })).statusCode).toBe(401)
    const deleted = await call('POST', '/api/auth/api-key/delete', { cookie, body: { keyId: rows[0]?.id } })
    expect(deleted.statusCode).toBe(200)
    expect((await call('GET', '/for/admins', { key })).statusCode).toBe(401)
  })

  it('An API key decides alone where a cookie comes with it', async () => {
    expect((await call('GET', '/for/admins', { cookie: await signIn(), key: 'made up' })).statusCode).toBe(401)
  })

  it('An API key is refused after its date of expiry', async () => {
    const { cookie } = await createStaff('admin')
    const key = await createKey(cookie)
    await bench.database.pool.query(`UPDATE staff_api_keys SET expires_at = now() - interval '1 second'`)
    expect((await call('GET', '/for/admins', { key })).statusCode).toBe(401)
  })

  it('Nobody can make an API key that belongs to another member of staff', async () => {
    const { cookie, id } = await createStaff('support')
    const root = (
      await bench.database.pool.query<{ id: string }>(`SELECT id FROM staff_users WHERE role = 'superadmin'`)
    ).rows[0]
    const forAnother = await call('POST', '/api/auth/api-key/create', { cookie, body: { name: 'x', userId: root?.id } })
    expect(forAnother.statusCode).toBeGreaterThanOrEqual(400)
    await createKey(cookie)
    const { rows } = await bench.database.pool.query('SELECT DISTINCT reference_id FROM staff_api_keys')
    expect(rows).toEqual([{ reference_id: id }])
  })
})
