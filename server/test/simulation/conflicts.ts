import { DomainError } from '../../src/errors.ts'
import { statusOfCode } from '../../src/http/statuses.ts'

/** True of the error by which a command is refused because the session's status does not allow it. */
export function isConflict(error: unknown): boolean {
  return error instanceof DomainError && statusOfCode[error.code] === 409
}
