import { describe, it } from 'vitest'
import { expectPreparedStatement, expectStatements } from '../../../test/database/statements.ts'
import { claimFreeChunk } from './chunks.queries.ts'
import { cancelPending, reopenMails } from './items.queries.ts'
import './outbox.queries.ts'

const sessionId = 'activation_1700000000000_abcdefghijkl'
const nodeId = '11111111-1111-1111-1111-111111111111'

describe('the whole text of a statement about chunks', () => {
  it.each([
    'store_gates_and_outcomes',
    'store_gates_and_outcomes_counting',
    'lock_claimed_chunk',
    'finish_accounts',
    'finish_chunk',
    'due_mails',
    'skip_activated',
  ])('is the one that was committed for %s', async (name) => {
    await expectPreparedStatement(name)
  })

  it('is the one that was committed for claiming a chunk', async () => {
    const options = { sessionId, chunk: 3, phase: 'accounts' as const, nodeId }
    await expectStatements('claim_free_chunk', (database) => claimFreeChunk(database, options))
  })

  it('is the one that was committed for cancelling what is pending', async () => {
    const chunk = { sessionId, firstPosition: 76, lastPosition: 100 }
    await expectStatements('cancel_pending', (database) => cancelPending(database, chunk))
  })

  it('is the one that was committed for making failed mails pending again', async () => {
    const options = { sessionId, state: 'failed' as const, reason: 'address_refused' }
    await expectStatements('reopen_mails', (database) => reopenMails(database, options))
  })
})
