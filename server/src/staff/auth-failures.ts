import type { ErrorCode, Failure } from '@rollcall/shared'
import { isUnstorableValue } from '../db/errors.ts'
import { DomainError } from '../errors.ts'
import { failure } from '../http/error-answers.ts'

interface Body {
  code?: unknown
  message?: unknown
}

const codes: Record<number, ErrorCode> = {
  400: 'BAD_REQUEST',
  401: 'SIGN_IN_REQUIRED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  422: 'BAD_REQUEST',
  429: 'TOO_MANY_REQUESTS',
}

/** The library's failures, by its own codes, that have a code and a sentence of Rollcall. */
const knownFailures: Record<string, { code: ErrorCode; msg: string }> = {
  INVALID_EMAIL_OR_PASSWORD: {
    code: 'SIGN_IN_REFUSED',
    msg: 'This e-mail address and this password do not belong together; try again.',
  },
  INVALID_PASSWORD: { code: 'SIGN_IN_REFUSED', msg: 'This is not your present password; try again.' },
  UNAUTHORIZED: { code: 'SIGN_IN_REQUIRED', msg: 'Sign in to go on.' },
  INVALID_ORIGIN: originNotAllowed(),
  MISSING_OR_NULL_ORIGIN: originNotAllowed(),
  PASSWORD_TOO_SHORT: { code: 'PASSWORD_TOO_WEAK', msg: 'The password must have at least 10 characters.' },
  PASSWORD_TOO_LONG: { code: 'PASSWORD_TOO_WEAK', msg: 'The password must have at most 128 characters.' },
}

function originNotAllowed(): { code: ErrorCode; msg: string } {
  return {
    code: 'ORIGIN_NOT_ALLOWED',
    msg: "This request does not come from one of Rollcall's own pages; PUBLIC_URL must be the address in the browser.",
  }
}

/** An answer that is a failure: its HTTP status and its body. */
export interface FailureAnswer {
  status: number
  body: Failure
}

/**
 * Translates a failure of the sign-in library into the contract's failure. It keeps the library's own HTTP status, which
 * for some codes is another than the one that `http/statuses.ts` has for Rollcall's own failures.
 */
export async function failureOfResponse(response: Response): Promise<FailureAnswer> {
  const { status } = response
  if (status === 429) {
    const seconds = response.headers.get('x-retry-after') ?? '60'
    const sentence = `Too many tries from your address; try again in ${seconds} seconds.`
    return { status, body: failure('TOO_MANY_REQUESTS', sentence) }
  }
  // The cause, which is usually that the database is away, is in the log.
  if (status >= 500)
    return {
      status: 503,
      body: failure('UNAVAILABLE', 'Signing in does not work right now; try again in a few seconds.'),
    }
  const { code, message } = parsed(await response.text())
  const known = typeof code === 'string' ? knownFailures[code] : undefined
  if (known !== undefined) return { status, body: failure(known.code, known.msg) }
  const text = typeof message === 'string' && message !== '' ? message : defaultSentence(status)
  return { status, body: failure(codes[status] ?? 'BAD_REQUEST', /[.!?]$/.test(text) ? text : `${text}.`) }
}

function defaultSentence(status: number): string {
  if (status === 401) return 'Sign in to go on.'
  if (status === 403) return 'Your role does not allow this.'
  if (status === 404) return 'There is nothing at this address.'
  return 'The request is not valid.'
}

function parsed(body: string): Body {
  try {
    return (JSON.parse(body) ?? {}) as Body
  } catch {
    return {}
  }
}

/**
 * The sign-in library hands some values to the database as they came, so a value that cannot be stored is the fault of the
 * request. Null for every other error.
 */
export function errorOfUnstorableValues(error: unknown): DomainError | null {
  if (!isUnstorableValue(error)) return null
  return new DomainError('BAD_REQUEST', 'The request has a value that cannot be stored; check its fields.')
}
