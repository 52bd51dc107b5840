import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto'

/** The key that signs activation links, made from the secret of the installation. Logging it does not reveal the secret. */
export function linkKey(secret: string): KeyObject {
  return createSecretKey(secret, 'utf8')
}

/**
 * The token of an account's activation link: HMAC-SHA256 over account and generation, so the same generation gives the
 * same link and no token has to be stored.
 */
export function activationToken(key: KeyObject, accountId: string, generation: number): string {
  return createHmac('sha256', key).update(`activation\0${accountId}\0${generation}`).digest('base64url')
}

/** The digest that is stored of a token: SHA-256 in hexadecimal digits. Nobody can make a link from it. */
export function tokenDigest(token: string): string {
  return hash('sha256', token)
}

/** Makes the activation link that a mail contains. */
export function activationLink(publicUrl: string, token: string): string {
  return `${publicUrl}/activate/${token}`
}
