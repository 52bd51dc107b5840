import { expect } from 'vitest'
import type { Locator } from 'playwright-core'
import type { Progress } from '@rollcall/shared'
import type { Journey } from './journey.ts'
import { done, patience, spelledCounts, version, waitForState } from './screen.ts'

/**
 * Expects, once the session is over, that the screen, the API, a recount of the items in the database and the mails that
 * arrived have the same numbers. Returns the final progress.
 */
export async function expectConsistentNumbers(journey: Journey, shown: Locator, sessionId: string): Promise<Progress> {
  await waitForState(shown, 'final')
  const behind = async () => (await journey.api.progress(sessionId)).version - (await version(shown))
  await expect.poll(behind, patience).toBe(0)
  const progress = await journey.api.progress(sessionId)
  expect(progress.completed).toBe(true)
  expect(await version(shown)).toBe(progress.version)
  expect(await done(shown, 'Accounts')).toBe(progress.total - progress.accounts.pending)
  expect(await done(shown, 'Mails')).toBe(progress.total - progress.mails.pending)
  expect(await spelledCounts(shown)).toEqual({
    accounts: withoutZeros(progress.accounts),
    mails: withoutZeros(progress.mails),
  })
  expect(await recount(journey, sessionId)).toEqual({
    total: progress.total,
    accounts: withoutZeros(progress.accounts),
    mails: withoutZeros(progress.mails),
  })
  await expectMails(journey, sessionId, progress)
  return progress
}

function withoutZeros(counts: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0))
}

/** Counts the items of a session in the database, by the states of account and mail. */
async function recount(journey: Journey, sessionId: string) {
  const { rows } = await journey.pool.query<{ account_state: string; mail_state: string; count: number }>(
    'SELECT account_state, mail_state, count(*)::int AS count FROM items WHERE session_id = $1 GROUP BY 1, 2',
    [sessionId],
  )
  const sum = (pick: (row: (typeof rows)[number]) => string) => {
    const counts: Record<string, number> = {}
    for (const row of rows) counts[pick(row)] = (counts[pick(row)] ?? 0) + row.count
    return counts
  }
  return {
    total: rows.reduce((total, row) => total + row.count, 0),
    accounts: sum((row) => row.account_state),
    mails: sum((row) => row.mail_state),
  }
}

/** Expects that every mail that is `sent` arrived, that nobody got two, and that no other mail arrived than sent and unconfirmed ones. */
async function expectMails(journey: Journey, sessionId: string, progress: Progress): Promise<void> {
  const { rows } = await journey.pool.query<{ email: string; mail_state: string }>(
    "SELECT email, mail_state FROM items WHERE session_id = $1 AND mail_state IN ('sent', 'unconfirmed')",
    [sessionId],
  )
  const received = await journey.received()
  const arrived = new Set(received)
  expect(received.length, 'nobody got two mails').toBe(arrived.size)
  const sent = rows.filter((row) => row.mail_state === 'sent').map((row) => row.email)
  expect(sent.length).toBe(progress.mails.sent)
  expect(
    sent.filter((email) => !arrived.has(email)),
    'sent, and not arrived',
  ).toEqual([])
  const known = new Set(rows.map((row) => row.email))
  expect(
    received.filter((email) => !known.has(email)),
    'arrived, and neither sent nor unconfirmed',
  ).toEqual([])
}
