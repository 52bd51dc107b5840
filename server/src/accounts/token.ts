import { createHmac, hash } from 'node:crypto'

/**
 * The token of an account's activation link: HMAC-SHA256 over account and generation, so the same generation gives the
 * same link and no token has to be stored.
 */
export function activationToken(secret: string, accountId: string, generation: number): string {
  return createHmac('sha256', secret).update(`activation\0${accountId}\0${generation}`).digest('base64url')
}

/** What is stored of a token: SHA-256, in hexadecimal digits. Whoever reads the database cannot make a link from it. */
export function tokenDigest(token: string): string {
  return hash('sha256', token)
}

/** The address in the mail. */
export function activationLink(publicUrl: string, token: string): string {
  return `${publicUrl}/activate/${token}`
}
