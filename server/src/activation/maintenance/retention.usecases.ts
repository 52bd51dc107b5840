import type { Database, Transaction } from '../../db/database.ts'
import { tryClusterLock } from '../../db/cluster-lock.ts'
import { readSettings } from '../../settings/settings.usecases.ts'
import { oldestFinishedSession, removeItems, removeSession } from './retention.queries.ts'

const itemsAtOnce = 5000
const dayMilliseconds = 86_400_000

/** What one step of the removal removed. */
export interface RemovalStep {
  sessionId: string
  items: number
  /** True when nothing of the session is left. */
  done: boolean
}

/**
 * Removes one step of what is older than the setting `retentionDays`, in one short transaction: a session's row, or some
 * items of a session that was removed. Returns null where there is nothing to remove, or where another node is removing.
 * Accounts and leads stay.
 *
 * The session's row goes first, with chunks, snapshots and events: after that commit nobody finds the session, so no reader
 * has to look for a mark. Its items are reached through the session only, so they can follow in small steps. The table
 * `removals` keeps what is left to remove over a crash, also when the setting is changed meanwhile.
 */
export async function removeStep(
  database: Database,
  now: Date,
  options: { itemsAtOnce: number } = { itemsAtOnce },
): Promise<RemovalStep | null> {
  return database.transaction(async (transaction) => {
    if (!(await tryClusterLock('retention', transaction))) return null
    return (await removeItems(transaction, options.itemsAtOnce)) ?? (await removeOldest(transaction, now))
  })
}

async function removeOldest(transaction: Transaction, now: Date): Promise<RemovalStep | null> {
  const { retentionDays } = await readSettings(transaction)
  if (retentionDays === null) return null
  const before = new Date(now.getTime() - retentionDays * dayMilliseconds)
  const sessionId = await oldestFinishedSession(transaction, before)
  if (sessionId === null || !(await removeSession(transaction, sessionId, { before, now }))) return null
  return { sessionId, items: 0, done: false }
}
