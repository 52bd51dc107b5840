import { describe, it } from 'vitest'
import { expectStatements } from '../../../test/database/statements.ts'
import { advance } from './advance.queries.ts'

const sessionId = 'activation_1700000000000_abcdefghijkl'
const now = new Date('2026-01-01T00:00:00Z')

describe('the whole text of the statement that moves a session', () => {
  it('is the one that was committed for counters alone', async () => {
    await expectStatements('advance_counters', (database) =>
      advance(database, { sessionId, now, deltas: { mailsSent: 3, mailsFailed: 1 } }),
    )
  })

  it('is the one that was committed for a change of status', async () => {
    const change = { transition: 'pause' as const, actor: { id: 'staff-1', name: 'Ada' } }
    await expectStatements('advance_status', (database) => advance(database, { sessionId, now, change }))
  })
})
