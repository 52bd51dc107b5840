import { pino } from 'pino'
import { expect, it } from 'vitest'
import { password, staffBench, superadminEmail } from '../../test/app/staff.ts'
import { createAuth } from '../staff/auth.ts'
import { apiKeyDigest, signInCookie, signInTokenOf } from './better-auth.ts'

const bench = staffBench()

async function storedTokens(): Promise<string[]> {
  const { rows } = await bench.database.pool.query<{ token: string }>('SELECT token FROM staff_sessions')
  return rows.map(({ token }) => token)
}

it('the token of a cookie that better-auth set is the one that it stored', async () => {
  const cookie = await bench.signIn()
  expect(cookie).toContain(`${signInCookie}=`)
  expect(await storedTokens()).toEqual([signInTokenOf(`theme=dark; ${cookie}; other=1`)])
})

it('the token of a cookie is found behind https, too, where its name begins with __Secure-', async () => {
  const auth = createAuth({
    database: bench.database.database,
    secret: 'a secret that is long enough for this contract',
    publicUrl: 'https://rollcall.example',
    logger: pino({ level: 'silent' }),
  })
  const { headers } = await auth.api.signInEmail({
    body: { email: superadminEmail, password },
    headers: new Headers({ origin: 'https://rollcall.example' }),
    returnHeaders: true,
  })
  const cookie = headers.getSetCookie().map((each) => each.split(';')[0]!)
  expect(cookie.join('; ')).toContain(`__Secure-${signInCookie}=`)
  expect(await storedTokens()).toEqual([signInTokenOf(cookie.join('; '))])
})

it('a header without the cookie has no token', () => {
  expect(signInTokenOf('')).toBeUndefined()
  expect(signInTokenOf('theme=dark')).toBeUndefined()
})

it('the digest of an API key is what better-auth stored of it', async () => {
  const key = await bench.createKey(await bench.signIn())
  const { rows } = await bench.database.pool.query<{ key: string }>('SELECT key FROM staff_api_keys')
  expect(rows).toEqual([{ key: apiKeyDigest(key) }])
})
