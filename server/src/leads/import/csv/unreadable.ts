import { DomainError } from '../../../errors.ts'

/** The refusal of a whole file: `msg` says what the file is and what to do. */
export function unreadable(msg: string): DomainError {
  return new DomainError('IMPORT_UNREADABLE', msg)
}
