import { describe, expect, it } from 'vitest'
import { isDatabaseAway, isTransactionConflict, isUnstorableValue } from './errors.ts'

/** Makes an error as drizzle throws it: the error of the driver, with this code, is the cause of another. */
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
  it('An error with the code of a lost connection says that the database is away', () => {
    for (const code of [
      '08006',
      '53300',
      '57P01',
      '57P03',
      '25P03',
      'ECONNREFUSED',
      'ECONNRESET',
      'EPIPE',
      'ETIMEDOUT',
    ])
      expect(kindsOf(wrapped(code)), code).toEqual(['isDatabaseAway'])
  })

  it('An error with the code of a deadlock or of a serialization failure says that transactions were in conflict', () => {
    for (const code of ['40P01', '40001']) expect(kindsOf(wrapped(code)), code).toEqual(['isTransactionConflict'])
  })

  it('An error with the code of a wrong value says that the value cannot be stored', () => {
    for (const code of ['22P02', '22021', '23505', '23503'])
      expect(kindsOf(wrapped(code)), code).toEqual(['isUnstorableValue'])
  })

  it('An error of the driver without a code is known as a lost connection by its message', () => {
    for (const message of [
      'Connection terminated unexpectedly',
      'timeout exceeded when trying to connect',
      'Client has encountered a connection error and is not queryable',
      'the database system is not currently accepting connections',
    ]) {
      const error = new Error('Failed query', { cause: new Error(message) })
      expect(kindsOf(error), message).toEqual(['isDatabaseAway'])
    }
  })

  it('An error with any other code is of no kind', () => {
    for (const code of ['42P01', '57014', 'ERR_STREAM_PREMATURE_CLOSE'])
      expect(kindsOf(wrapped(code)), code).toEqual([])
  })

  it('A value that is no error is of no kind, even with a code', () => expect(kindsOf({ code: '08006' })).toEqual([]))
})
