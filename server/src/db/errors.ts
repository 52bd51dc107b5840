import { causesOf } from '../util/causes.ts'

/**
 * The kinds of failures of the database that Rollcall treats differently. Drizzle wraps what the driver throws, so each
 * kind is looked for in all causes of an error, by SQLSTATE (PostgreSQL manual, appendix A) or by the code of Node.
 */
function hasCode(error: unknown, pattern: RegExp): boolean {
  return causesOf(error).some((each) => 'code' in each && typeof each.code === 'string' && pattern.test(each.code))
}

/** SQLSTATE classes 08 (connection), 53 (insufficient resources), 57P (shutdown, starting up), 25P03 (idle for too long in a transaction). */
const awayStates = /^(08...|53...|57P..|25P03)$/
const awayNetworkCodes = /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN)$/
/** The messages of the errors of node-postgres that have no code. */
const awayMessages =
  /not currently accepting connections|Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error/

/** True when the database cannot be reached or does not accept work right now, so that the same may succeed later. */
export function isDatabaseAway(error: unknown): boolean {
  return (
    hasCode(error, awayStates) ||
    hasCode(error, awayNetworkCodes) ||
    causesOf(error).some(({ message }) => awayMessages.test(message))
  )
}

/** True when a transaction was undone because of another one, so that the whole transaction may be run again: a deadlock (40P01) or a serialization failure (40001). */
export function isTransactionConflict(error: unknown): boolean {
  return hasCode(error, /^(40P01|40001)$/)
}

/** True when a value cannot be stored as it is: SQLSTATE classes 22 (data exception) and 23 (integrity constraint violation). */
export function isUnstorableValue(error: unknown): boolean {
  return hasCode(error, /^(22|23)...$/)
}
