import { expect } from 'vitest'
import type { Item, Progress } from '@rollcall/shared'
import { allItems, latestProgress } from '../../src/activation/history/history.usecases.ts'
import { recounted } from '../app/activation.ts'
import type { TestDatabase } from '../database/database.ts'
import type { ReceivedMail } from '../smtp/scripted-smtp-server.ts'

/**
 * Holds what must be true of every session at every time in which nothing is under way: its counters equal its items,
 * what is `sent` the mail server has, nobody has more copies than `copies`, each of them the same byte for byte, nobody
 * has two accounts or somebody else's, and whoever was not mailed has a reason. Gives the items.
 */
export async function expectPromises(
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
  expect(await othersAccounts(test, sessionId)).toEqual([])
  return items
}

/** The items of a session whose account is not that of their lead's address: a link of theirs would be somebody else's. */
export async function othersAccounts(test: Pick<TestDatabase, 'pool'>, sessionId: string): Promise<unknown[]> {
  const { rows } = await test.pool.query(
    `SELECT items.position, leads.email_key AS lead, account.email_key AS account FROM items JOIN leads ON leads.id = items.lead_id
      JOIN accounts account ON account.id = items.account_id
      WHERE items.session_id = $1 AND account.email_key <> leads.email_key`,
    [sessionId],
  )
  return rows
}

/** The numbers of a progress add up, in accounts and in mails. */
export function expectSums({ accounts, mails, total }: Progress): void {
  const sum = (counts: Record<string, number>) => Object.values(counts).reduce((whole, count) => whole + count, 0)
  expect([sum(accounts), sum(mails)]).toEqual([total, total])
}

/** What waits for its next try is due now: in the items, in the jobs that would look at them then, and in the probes of held mail servers. */
export async function hurry(test: Pick<TestDatabase, 'pool'>): Promise<void> {
  await test.pool.query(`UPDATE items SET next_try_at = now() WHERE mail_state = 'pending' AND next_try_at > now()`)
  await test.pool.query(`UPDATE jobs.job SET start_after = now() WHERE state < 'active' AND start_after > now()`)
  await test.pool.query(`UPDATE mail_server_holds SET next_probe_at = now() WHERE next_probe_at > now()`)
}
