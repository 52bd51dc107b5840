import { expect } from 'vitest'
import type { Item, Progress } from '@rollcall/shared'
import { allItems } from '../../src/activation/history/item-list.usecases.ts'
import { latestProgress } from '../../src/activation/history/progress.usecases.ts'
import { recounted } from '../app/activation.ts'
import type { TestDatabase } from '../database/database.ts'
import { runWaitingJobsNow } from '../../src/vendor/pg-boss.ts'
import type { ReceivedMail } from '../smtp/scripted-smtp-server.ts'

/**
 * Expects what must be true of every session whenever nothing of it is under way: its counters equal its items; the mail
 * server received every mail that is `sent`; nobody received more than `copies` mails, and all copies are the same byte
 * for byte; no address has two accounts and no item has the account of another lead; every item that was not mailed
 * has a reason. Returns the session's items.
 */
export async function expectInvariants(
  test: Pick<TestDatabase, 'database' | 'pool'>,
  sessionId: string,
  received: readonly ReceivedMail[],
  options: { copies?: number | ((item: Item) => number) } = {},
): Promise<Item[]> {
  const { copies = 1 } = options
  const { accounts, mails, total } = await latestProgress(test.database, sessionId)
  expect(await recounted(test, sessionId)).toEqual({ accounts, mails, total })
  const mailsTo = Map.groupBy(received, ({ to }) => to.join().toLowerCase())
  const items: Item[] = []
  for await (const item of allItems(test.database, sessionId, {})) {
    items.push(item)
    const own = mailsTo.get(item.lead.email.toLowerCase()) ?? []
    const said = JSON.stringify(item)
    expect(own.length, said).toBeLessThanOrEqual(typeof copies === 'number' ? copies : copies(item))
    expect(new Set(own.map(({ raw }) => raw.toString())).size, said).toBeLessThanOrEqual(1)
    if (item.mail.state === 'sent') expect(own.length, said).toBeGreaterThanOrEqual(1)
    const isWaiting = item.mail.state === 'pending' || item.mail.state === 'sending'
    const isPlain = item.mail.state === 'sent' && item.account.state === 'created'
    if (!isWaiting && !isPlain) expect(item.mail.reason ?? item.account.reason, said).not.toBeNull()
  }
  const { rows } = await test.pool.query('SELECT email_key FROM accounts GROUP BY email_key HAVING count(*) > 1')
  expect(rows).toEqual([])
  expect(await itemsWithAccountOfAnotherLead(test, sessionId)).toEqual([])
  return items
}

/** Returns the items of a session whose account belongs to another address than their lead's: they would be mailed somebody else's link. */
export async function itemsWithAccountOfAnotherLead(
  test: Pick<TestDatabase, 'pool'>,
  sessionId: string,
): Promise<unknown[]> {
  const { rows } = await test.pool.query(
    `SELECT items.position, leads.email_key AS lead, account.email_key AS account FROM items JOIN leads ON leads.id = items.lead_id
      JOIN accounts account ON account.id = items.account_id
      WHERE items.session_id = $1 AND account.email_key <> leads.email_key`,
    [sessionId],
  )
  return rows
}

/** Expects that the counters of accounts and those of mails each add up to the total. */
export function expectCountersAddUp({ accounts, mails, total }: Progress): void {
  const sum = (counts: Record<string, number>) => Object.values(counts).reduce((whole, count) => whole + count, 0)
  expect([sum(accounts), sum(mails)]).toEqual([total, total])
}

/**
 * Makes everything that waits for a later time due now: the next tries of items, the jobs that would make them, and the
 * probes of mail servers.
 */
export async function makeRetriesDue({ pool }: Pick<TestDatabase, 'pool'>): Promise<void> {
  await pool.query(`UPDATE items SET next_try_at = now() WHERE mail_state = 'pending' AND next_try_at > now()`)
  await pool.query(runWaitingJobsNow)
  await pool.query(`UPDATE mail_server_holds SET next_probe_at = now() WHERE next_probe_at > now()`)
}
