import type { Transaction } from '../../db/database.ts'
import { confirmByActivation } from '../chunks/items.queries.ts'
import { advance } from '../session/advance.queries.ts'

/**
 * Marks the unconfirmed mails of an account as sent, because its person has activated it and so got one of them. Runs in the
 * caller's transaction; returns the ids of the sessions that changed, which the caller publishes after the commit.
 */
export async function confirmMailsOfAccount(transaction: Transaction, accountId: string, now: Date): Promise<string[]> {
  const confirmed = await confirmByActivation(transaction, accountId)
  for (const { session_id, items } of confirmed)
    await advance(transaction, { sessionId: session_id, now, deltas: { mailsUnconfirmed: -items, mailsSent: items } })
  return confirmed.map((each) => each.session_id)
}
