import { describe, expect, it } from 'vitest'
import { staffBench } from '../../test/app/staff.ts'
import { ensureFirstSuperadmin } from './first-staff.ts'

const bench = staffBench()
const { trySignIn } = bench

describe('the first superadmin', () => {
  it('The first superadmin is created once, also by several processes at once, with a password that is shown once', async () => {
    await bench.database.pool.query('DELETE FROM staff_users')
    const ensure = () =>
      ensureFirstSuperadmin({ database: bench.database.database, email: 'First@example.com', password: null })
    const results = await Promise.all([ensure(), ensure(), ensure()])
    const created = results.filter((result) => result.created)
    expect(created).toHaveLength(1)
    expect(created[0]?.generatedPassword).toMatch(/^[A-Za-z2-9]{20}$/)
    expect(results.filter(({ generatedPassword }) => generatedPassword !== null)).toHaveLength(1)
    expect(await ensure()).toEqual({ email: 'First@example.com', generatedPassword: null, created: false })
    expect((await trySignIn('first@example.com', created[0]?.generatedPassword ?? '')).statusCode).toBe(200)
  })
})
