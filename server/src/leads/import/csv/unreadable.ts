import { Refusal } from '../../../errors.ts'

/** The refusal of a whole file: `msg` says what the file is and what to do. */
export function unreadable(msg: string): Refusal {
  return new Refusal(422, 'IMPORT_UNREADABLE', msg)
}
