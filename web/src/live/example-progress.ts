import type { Progress } from '@rollcall/shared'

/** A progress for tests, with what a test cares about. */
export function exampleProgress(changes: Partial<Progress> = {}): Progress {
  return {
    sessionId: 'activation_1704123456789_a7bc3d2f1',
    version: 41,
    status: 'running',
    reason: null,
    total: 50,
    completed: false,
    accounts: { created: 30, existing: 1, failed: 0, cancelled: 0, pending: 19 },
    mails: { sent: 10, failed: 1, unconfirmed: 0, skipped: 1, cancelled: 0, pending: 38 },
    mailsPerSecond: 4.2,
    secondsLeft: 9,
    startedBy: { id: 'u1', name: 'Ada' },
    createdAt: '2026-11-01T10:00:00.000Z',
    startedAt: '2026-11-01T10:00:01.000Z',
    updatedAt: '2026-11-01T10:00:05.000Z',
    finishedAt: null,
    ...changes,
  }
}

const settledAccounts = { created: 49, existing: 1, failed: 0, cancelled: 0, pending: 0 }
const settledMails = { sent: 50, failed: 0, unconfirmed: 0, skipped: 0, cancelled: 0, pending: 0 }

/** The same session at its end. */
export function exampleEnd(changes: Partial<Progress> = {}): Progress {
  return exampleProgress({
    version: 90,
    status: 'completed',
    completed: true,
    accounts: settledAccounts,
    mails: settledMails,
    finishedAt: '2026-11-01T10:00:20.000Z',
    ...changes,
  })
}
