import { createHash } from 'node:crypto'

/** The text that better-auth puts before the names of its cookies, as `staff/auth.ts` tells it. */
export const cookiePrefix = 'rollcall'

/** The name of the cookie of a sign-in; behind `https` better-auth puts `__Secure-` before it. */
export const signInCookie = `${cookiePrefix}.session_token`

const signInCookiePattern = new RegExp(String.raw`(?:^|;\s*)(?:__Secure-)?${RegExp.escape(signInCookie)}=([^;]*)`)

/**
 * The token in a `Cookie` header under which better-auth stores a sign-in. The signature, which is what follows the last dot, is not
 * looked at: the header must have been accepted by better-auth before. Undefined where there is no such cookie.
 */
export function signInTokenOf(cookieHeader: string): string | undefined {
  const value = signInCookiePattern.exec(cookieHeader)?.[1] ?? ''
  return /^(.+?)(?:\.|%2E)[^.]*$/i.exec(value)?.[1]
}

/** The SHA-256 digest, in base64url, as which better-auth stores an API key. */
export function apiKeyDigest(key: string): string {
  return createHash('sha256').update(key).digest('base64url')
}
