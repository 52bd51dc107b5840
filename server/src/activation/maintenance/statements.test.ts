import { it } from 'vitest'
import { expectStatements } from '../../../test/database/statements.ts'
import { recountSessions } from './counter-audit.queries.ts'
import { oldestFinishedSession, removeItems, removeSession } from './retention.queries.ts'

const sessionId = 'activation_1700000000000_abcdefghijkl'
const before = new Date('2026-01-01T00:00:00Z')
const now = new Date('2026-04-01T00:00:00Z')

it('the statement that recounts sessions for the counter audit is the one in recount_sessions.sql.snap', () =>
  expectStatements('recount_sessions', (database) =>
    recountSessions(database, { after: '', since: before, named: [sessionId] }),
  ))

it('the statement that reads the session that finished first is the one in oldest_finished_session.sql.snap', () =>
  expectStatements('oldest_finished_session', (database) => oldestFinishedSession(database, before)))

it('the statements that remove a session are those in remove_session.sql.snap', () =>
  expectStatements(
    'remove_session',
    (database) => database.transaction((transaction) => removeSession(transaction, sessionId, { before, now })),
    [{}],
  ))

it('the statement that removes the items of removed sessions is the one in remove_items.sql.snap', () =>
  expectStatements('remove_items', (database) => removeItems(database, 10_000)))
