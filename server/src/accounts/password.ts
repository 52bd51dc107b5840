import { argon2, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { passwordLength } from '@rollcall/shared'

const derive = promisify(argon2)

/** OWASP's second recommended setting for argon2id: 19 MiB, two passes, one lane. */
const cost = { memory: 19 * 1024, passes: 2, parallelism: 1, tagLength: 32 } as const

/** Returns null for a password that may be used, else a sentence that says what to do. Only its length matters, not kinds of characters (NIST SP 800-63B). */
export function passwordProblem(password: string): string | null {
  const length = Array.from(password).length
  if (length < passwordLength.minimum) return `Use at least ${passwordLength.minimum} characters.`
  if (length > passwordLength.maximum) return `Use at most ${passwordLength.maximum} characters.`
  return null
}

/** Hashes a password into the form in which it is stored, the PHC string format. */
export async function hashPassword(password: string): Promise<string> {
  const nonce = randomBytes(16)
  const digest = await derive('argon2id', { message: password.normalize('NFKC'), nonce, ...cost })
  const plain = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64').replace(/=+$/, '')
  return `$argon2id$v=19$m=${cost.memory},t=${cost.passes},p=${cost.parallelism}$${plain(nonce)}$${plain(digest)}`
}
