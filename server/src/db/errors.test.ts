import { describe, expect, it } from 'vitest'
import { isDatabaseAway, isTransactionConflict, isUnstorableValue } from './errors.ts'

/** An error as drizzle throws it: the driver's error with this code is the cause of another. */
function wrapped(code: string): Error {
  return new Error('Failed query', { cause: Object.assign(new Error('from the driver'), { code }) })
}

const kinds = { isDatabaseAway, isTransactionConflict, isUnstorableValue }
function kindsOf(error: unknown): string[] {
  return Object.entries(kinds)
    .filter(([, isKind]) => isKind(error))
    .map(([name]) => name)
}

describe('the kinds of database errors', () => {
  it.each(['08006', '53300', '57P01', '57P03', '25P03', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT'])(
    'say that the database is away for the code %s',
    (code) => expect(kindsOf(wrapped(code))).toEqual(['isDatabaseAway']),
  )

  it.each(['40P01', '40001'])('say that transactions were in conflict for the code %s', (code) =>
    expect(kindsOf(wrapped(code))).toEqual(['isTransactionConflict']),
  )

  it.each(['22P02', '22021', '23505', '23503'])('say that a value cannot be stored for the code %s', (code) =>
    expect(kindsOf(wrapped(code))).toEqual(['isUnstorableValue']),
  )

  it.each([
    'Connection terminated unexpectedly',
    'timeout exceeded when trying to connect',
    'Client has encountered a connection error and is not queryable',
    'the database system is not currently accepting connections',
  ])('say that the database is away for the message of the driver “%s”', (message) =>
    expect(kindsOf(new Error('Failed query', { cause: new Error(message) }))).toEqual(['isDatabaseAway']),
  )

  it.each(['42P01', '57014', 'ERR_STREAM_PREMATURE_CLOSE'])('say nothing of the code %s', (code) =>
    expect(kindsOf(wrapped(code))).toEqual([]),
  )

  it('say nothing of what is no error', () => expect(kindsOf({ code: '08006' })).toEqual([]))
})
