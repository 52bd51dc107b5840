import { sql } from 'drizzle-orm'
import { rowsOf, type Transaction } from './database.ts'

/** The advisory locks of PostgreSQL that say which node does a piece of work; the numbers must differ from all others. */
const lockNumbers = { retention: 7_665_002, counters: 7_665_003 }

/**
 * Tries to take the lock of this work for the whole installation, without waiting. True when this transaction holds it,
 * which it then does until it ends; false while another node's transaction does.
 */
export async function tryClusterLock(work: keyof typeof lockNumbers, transaction: Transaction): Promise<boolean> {
  const rows = await rowsOf<{ locked: boolean }>(
    transaction,
    sql`SELECT pg_try_advisory_xact_lock(${lockNumbers[work]}::bigint) AS locked`,
  )
  return rows[0]?.locked === true
}
