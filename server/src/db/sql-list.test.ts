import { PgDialect } from 'drizzle-orm/pg-core'
import { describe, expect, it } from 'vitest'
import { sqlList } from './sql-list.ts'

describe('a list of words in SQL', () => {
  it('A list of words in SQL is rendered as literals, in the order in which the words were given', () => {
    expect(new PgDialect().sqlToQuery(sqlList(['queued', 'taken_over']))).toMatchObject({
      sql: "'queued', 'taken_over'",
      params: [],
    })
  })

  it('A list in SQL refuses what is no word of the contract, and may not be empty', () => {
    for (const words of [["it's"], ['a b'], ['A'], [''], ['queued', "'); DROP TABLE sessions; --"], []])
      expect(() => sqlList(words)).toThrow(/no word of the contract|empty list/)
  })
})
