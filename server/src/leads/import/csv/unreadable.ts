import { DomainError } from '../../../errors.ts'

/** Makes the error that refuses a whole file. `msg` says to a person what is wrong with the file and what to do. */
export function unreadable(msg: string): DomainError {
  return new DomainError('IMPORT_UNREADABLE', msg)
}
