import { randomInt } from 'node:crypto'
import { hashPassword } from 'better-auth/crypto'
import type { Database } from '../db/database.ts'
import { hasStaff, insertFirstSuperadmin } from './staff.queries.ts'

/** The characters of a generated password. Letters and digits that look alike are left out. */
const passwordAlphabet = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789'
const passwordLength = 20

/**
 * Creates the first superadmin of an installation that has no staff yet, and does nothing where there is staff.
 * `generatedPassword` must be shown now, because only its digest is stored.
 */
export async function ensureFirstSuperadmin({
  database,
  email,
  password,
}: {
  database: Database
  email: string
  password: string | null
}): Promise<{ email: string; generatedPassword: string | null; created: boolean }> {
  if (await hasStaff(database)) return { email, generatedPassword: null, created: false }
  const generated = password === null ? generatePassword() : null
  const created = await insertFirstSuperadmin(database, {
    email: email.toLowerCase(),
    name: 'Superadmin',
    passwordDigest: await hashPassword(password ?? generated ?? ''),
  })
  return { email, generatedPassword: created ? generated : null, created }
}

function generatePassword(): string {
  return Array.from({ length: passwordLength }, () => passwordAlphabet[randomInt(passwordAlphabet.length)]).join('')
}
