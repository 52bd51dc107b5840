import type { ErrorCode } from '@rollcall/shared'

/**
 * A failure that Rollcall means: somebody asked for what cannot be, or not now. `code` is for a program, `message` is one
 * sentence for a person, and `details` are for both. Nothing here knows of HTTP; `http/statuses.ts` gives each code its status.
 */
export class DomainError extends Error {
  override name = 'DomainError'
  readonly code: ErrorCode
  readonly details: unknown

  constructor(code: ErrorCode, message: string, details?: unknown) {
    super(message)
    this.code = code
    this.details = details
  }
}
