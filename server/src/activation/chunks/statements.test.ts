import { it } from 'vitest'
import { expectPreparedStatement, expectStatements } from '../../../test/database/statements.ts'
import { claimFreeChunk, releaseLockedChunk } from './chunks.queries.ts'
import { cancelPending, confirmByActivation, confirmByPerson, reopenMails, resolveInFlight } from './items.queries.ts'
import { lockInOrder } from './outbox.queries.ts'
import { chunksWithoutJob, endClaimsOf } from './recovery.queries.ts'

const sessionId = 'activation_1700000000000_abcdefghijkl'
const nodeId = '11111111-1111-1111-1111-111111111111'
const claim = { sessionId, chunk: 3, nodeId, fence: 7 }
const positions = { firstPosition: 76, lastPosition: 100 }

it('the statement that stores gates and outcomes is the one in store_gates_and_outcomes.sql.snap', () =>
  expectPreparedStatement('store_gates_and_outcomes'))

it('the statement that stores gates and outcomes and counts the mails in flight is the one in store_gates_and_outcomes_counting.sql.snap', () =>
  expectPreparedStatement('store_gates_and_outcomes_counting'))

it('the statement that locks a claimed chunk is the one in lock_claimed_chunk.sql.snap', () =>
  expectPreparedStatement('lock_claimed_chunk'))

it('the statement that releases a chunk after its accounts are made is the one in finish_accounts.sql.snap', () =>
  expectPreparedStatement('finish_accounts'))

it('the statement that releases a chunk of which nothing is left is the one in finish_chunk.sql.snap', () =>
  expectPreparedStatement('finish_chunk'))

it('the statement that reads the mails of a chunk that are due is the one in due_mails.sql.snap', () =>
  expectPreparedStatement('due_mails'))

it('the statement that skips the mails to people who have a password is the one in skip_activated.sql.snap', () =>
  expectPreparedStatement('skip_activated'))

it('the statement that locks chunks before their session is the one in lock_in_order.sql.snap', () =>
  expectStatements('lock_in_order', (database) => lockInOrder(database, sessionId, [{ claim }])))

it('the statement that claims a chunk for its accounts is the one in claim_free_chunk.sql.snap', () =>
  expectStatements('claim_free_chunk', (database) =>
    claimFreeChunk(database, { sessionId, chunk: 3, phase: 'accounts', nodeId }),
  ))

it('the statement that claims a chunk for its mails is the one in claim_free_chunk_for_mails.sql.snap', () =>
  expectStatements('claim_free_chunk_for_mails', (database) =>
    claimFreeChunk(database, { sessionId, chunk: 3, phase: 'mails', nodeId }),
  ))

it('the statement that releases a chunk of which something is left is the one in release_locked_chunk.sql.snap', () =>
  expectStatements('release_locked_chunk', (database) => releaseLockedChunk(database, { ...claim, ...positions }, 2)))

it('the statement that cancels what is pending in a chunk is the one in cancel_pending.sql.snap', () =>
  expectStatements('cancel_pending', (database) => cancelPending(database, { sessionId, ...positions })))

it('the statements that make failed mails pending again are those in reopen_mails.sql.snap', () =>
  expectStatements('reopen_mails', (database) =>
    reopenMails(database, { sessionId, state: 'failed', reason: 'address_refused' }),
  ))

it('the statement that gives mails in flight an outcome is the one in resolve_in_flight.sql.snap', () =>
  expectStatements('resolve_in_flight', (database) =>
    resolveInFlight(database, sessionId, [3, 4], { state: 'unconfirmed', reason: 'answer_lost' }),
  ))

it('the statements by which a person confirms the mails of a session are those in confirm_by_person.sql.snap', () =>
  expectStatements('confirm_by_person', (database) => confirmByPerson(database, sessionId)))

it('the statement by which an activation confirms the mails to an account is the one in confirm_by_activation.sql.snap', () =>
  expectStatements('confirm_by_activation', (database) => confirmByActivation(database, nodeId)))

it('the statement that finds chunks without a job is the one in chunks_without_job.sql.snap', () =>
  expectStatements('chunks_without_job', (database) => chunksWithoutJob(database)))

it('the statement that ends the claims of a node is the one in end_claims_of.sql.snap', () =>
  expectStatements('end_claims_of', (database) => endClaimsOf(database, sessionId, nodeId)))
