import type { ErrorCode } from '@rollcall/shared'

/** A request that is refused on purpose: `msg` is one sentence for a person, `code` is for a program. */
export class Refusal extends Error {
  override name = 'Refusal'
  readonly status: number
  readonly code: ErrorCode
  readonly details: unknown

  constructor(status: number, code: ErrorCode, msg: string, details?: unknown) {
    super(msg)
    this.status = status
    this.code = code
    this.details = details
  }
}
