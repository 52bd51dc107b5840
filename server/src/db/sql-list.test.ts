import { PgDialect } from 'drizzle-orm/pg-core'
import { describe, expect, it } from 'vitest'
import { sqlList } from './sql-list.ts'

describe('a list of words in SQL', () => {
  it('is rendered as literals, in the order in which the words were given', () => {
    expect(new PgDialect().sqlToQuery(sqlList(['queued', 'taken_over']))).toMatchObject({
      sql: "'queued', 'taken_over'",
      params: [],
    })
  })

  it('refuses whatever is no word of the contract, and a list without a word', () => {
    for (const words of [["it's"], ['a b'], ['A'], [''], ['queued', "'); DROP TABLE sessions; --"], []])
      expect(() => sqlList(words)).toThrow(/no word of the contract|empty list/)
  })
})
