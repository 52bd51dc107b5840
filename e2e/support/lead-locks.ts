import { onTestFinished } from 'vitest'
import type { Journey } from './journey.ts'

/**
 * Locks the rows of the leads at these positions in the order of their creation, as a transaction does that is about to change
 * them; until the end of the test at most. Accounts of several chunks are created at once, so each chunk that is to wait needs
 * a locked lead.
 */
export async function lockLeads(
  pool: Journey['pool'],
  places: { first: number; last?: number },
): Promise<{ release: () => Promise<void> }> {
  const { first, last = null } = places
  const client = await pool.connect()
  // Rollcall's own connections may not be idle in a transaction; this one is meant to be.
  await client.query('BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0')
  const { rowCount } = await client.query(
    'SELECT FROM leads WHERE id IN (SELECT id FROM leads ORDER BY created_at, id OFFSET $1 LIMIT $2) FOR UPDATE',
    [first - 1, last === null ? null : last - first + 1],
  )
  if (rowCount === 0) throw new Error(`There is no lead at place ${first}.`)
  let held = true
  const release = async () => {
    if (!held) return
    held = false
    await client.query('ROLLBACK')
    client.release()
  }
  onTestFinished(release)
  return { release }
}
