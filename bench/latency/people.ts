import { hashPassword } from 'better-auth/crypto'
import type { Rollcall } from '../activation/rollcall.ts'

const password = 'a password of the crowd'

/** Staff who sign in as people do, each from an address of their own; gives the headers of their tabs. */
export async function addPeople(rollcall: Rollcall, count: number): Promise<Record<string, string>[]> {
  await rollcall.query(
    `INSERT INTO staff_users (id, name, email, role)
      SELECT 'person-' || n, 'Person ' || n, 'person.' || n || '@crm.example', 'support' FROM generate_series(1, $1::int) n`,
    [count],
  )
  await rollcall.query(
    `INSERT INTO staff_accounts (id, account_id, provider_id, user_id, password)
      SELECT 'account-' || id, id, 'credential', id, $1 FROM staff_users WHERE id LIKE 'person-%'`,
    [await hashPassword(password)],
  )
  const people: Record<string, string>[] = []
  for (let person = 1; person <= count; person += 1) people.push(await signIn(rollcall.url, person))
  return people
}

async function signIn(url: string, person: number): Promise<Record<string, string>> {
  const response = await fetch(`${url}/api/auth/sign-in/email`, {
    method: 'POST',
    headers: {
      origin: url,
      'content-type': 'application/json',
      // Sign-ins are counted by address.
      'x-forwarded-for': `10.0.${person >> 8}.${person & 255}`,
    },
    body: JSON.stringify({ email: `person.${person}@crm.example`, password }),
  })
  if (!response.ok) throw new Error(`Signing in answered ${response.status}.`)
  const cookies = response.headers.getSetCookie().map((each) => each.split(';')[0])
  return { Cookie: cookies.join('; '), Origin: url }
}
