import { it } from 'vitest'
import { expectStatements } from '../../../test/database/statements.ts'
import { advance } from './advance.queries.ts'
import { readActiveProgress, readSnapshots } from './progress.queries.ts'
import { clearOutdatedRates } from './rate.queries.ts'
import { acceptCanaryAndFailures, restartMailDelay } from './sessions.queries.ts'

const sessionId = 'activation_1700000000000_abcdefghijkl'
const now = new Date('2026-01-01T00:00:00Z')

it('the statement that moves the counters of a session alone is the one in advance_counters.sql.snap', () =>
  expectStatements('advance_counters', (database) =>
    advance(database, { sessionId, now, deltas: { mailsSent: 3, mailsFailed: 1 } }),
  ))

it('the statement that moves the status of a session alone is the one in advance_status.sql.snap', () =>
  expectStatements('advance_status', (database) =>
    advance(database, {
      sessionId,
      now,
      change: { transition: 'pause', actor: { id: 'staff-1', name: 'Ada' } },
    }),
  ))

it('the statement that moves counters and status together is the one in advance_counters_and_status.sql.snap', () =>
  expectStatements('advance_counters_and_status', (database) =>
    advance(database, {
      sessionId,
      now,
      deltas: { mailsUnconfirmed: 2 },
      change: {
        transition: 'hold',
        reason: 'mail_server_down',
        cause: 'The mail server cannot be reached.',
        details: { server: 'mail.example.net' },
      },
    }),
  ))

it('the statement that resumes a session only from one reason to hold is the one in advance_held_for.sql.snap', () =>
  expectStatements('advance_held_for', (database) =>
    advance(database, {
      sessionId,
      now,
      change: { transition: 'recover', heldFor: 'mail_server_down' as const },
    }),
  ))

it('the statement that clears outdated rates is the one in clear_outdated_rates.sql.snap', () =>
  expectStatements('clear_outdated_rates', (database) => clearOutdatedRates(database, now)))

it('the statement that reads the sessions that are not final is the one in read_active_progress.sql.snap', () =>
  expectStatements('read_active_progress', (database) => readActiveProgress(database, 50)))

it('the statement that reads the snapshots of a session is the one in read_snapshots.sql.snap', () =>
  expectStatements('read_snapshots', (database) => readSnapshots(database, sessionId, 200)))

it('the statement that accepts the first mails and the failures is the one in accept_canary_and_failures.sql.snap', () =>
  expectStatements('accept_canary_and_failures', (database) => acceptCanaryAndFailures(database, sessionId)))

it('the statement that restarts the delay before the first mail is the one in restart_mail_delay.sql.snap', () =>
  expectStatements('restart_mail_delay', (database) => restartMailDelay(database, sessionId, now)))
