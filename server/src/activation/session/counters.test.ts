import { getTableColumns } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { accountStates, counterTable, counters, mailStates, Progress } from '@rollcall/shared'
import { createTestDatabase } from '../../../test/database/database.ts'
import { sessions, snapshots } from './activation.table.ts'

describe('the counters of the contract', () => {
  it('the counters of the contract are the counter columns of sessions and of snapshots in the database', async () => {
    const test = await createTestDatabase()
    try {
      for (const table of ['sessions', 'snapshots']) {
        const { rows } = await test.pool.query<{ name: string }>(
          `SELECT column_name AS name FROM information_schema.columns
            WHERE table_name = $1 AND column_name ~ '^(accounts|mails)_'`,
          [table],
        )
        expect(rows.map(({ name }) => name).toSorted()).toEqual(counters.map(({ column }) => column).toSorted())
      }
    } finally {
      await test.close()
    }
  })

  it('the counters of the contract are the counter columns of the tables in code', () => {
    const keys = counters.map(({ key }) => key)
    for (const table of [sessions, snapshots])
      expect(Object.keys(getTableColumns(table))).toEqual(expect.arrayContaining(keys))
  })

  it('the counters of the contract count every state that an item can have once', () => {
    const states = (outcome: string) =>
      counters.filter((counter) => counter.outcome === outcome).flatMap(({ itemStates }) => itemStates)
    expect(states('accounts').toSorted()).toEqual(accountStates.toSorted())
    expect(states('mails').toSorted()).toEqual(mailStates.toSorted())
  })

  it('the counters of the contract are the counts of a progress on the wire', () => {
    expect(Object.keys(Progress.properties.accounts.properties)).toEqual([...counterTable.accounts])
    expect(Object.keys(Progress.properties.mails.properties)).toEqual([...counterTable.mails])
  })
})
