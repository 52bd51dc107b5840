import { hashPassword } from 'better-auth/crypto'
import { signInAt } from '../../server/test/app/client.ts'
import type { Rollcall } from '../support/rollcall.ts'

const password = 'a password of the benchmark'

/** Creates staff who sign in as people do, each from another address; resolves to the headers of their tabs. */
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
  for (let person = 1; person <= count; person += 1) {
    const who = { email: `person.${person}@crm.example`, password }
    // Each person has another address, because the number of sign-ins from one address is limited.
    const address = `10.0.${person >> 8}.${person & 255}`
    const cookie = await signInAt(rollcall.url, who, { origin: rollcall.url, 'x-forwarded-for': address })
    people.push({ Cookie: cookie, Origin: rollcall.url })
  }
  return people
}
