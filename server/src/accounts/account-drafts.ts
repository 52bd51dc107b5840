import { randomUUIDv7, type KeyObject } from 'node:crypto'
import { activationToken, tokenDigest } from './token.ts'

/** Accounts to be made, in their order: ids that grow with time, and the SHA-256 digests of their tokens one after another, 32 bytes each. */
export interface AccountDrafts {
  ids: string[]
  digests: Buffer
}

/** Drafts `count` accounts with the tokens of their first generation; nothing is stored. */
export function draftAccounts(count: number, key: KeyObject): AccountDrafts {
  const ids = Array.from({ length: count }, () => randomUUIDv7() as string)
  return { ids, digests: Buffer.from(ids.map((id) => tokenDigest(activationToken(key, id, 1))).join(''), 'hex') }
}
