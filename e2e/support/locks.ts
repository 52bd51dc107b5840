import { onTestFinished } from 'vitest'
import type { Journey } from './journey.ts'

/** Holds the row of the lead that came in at this place, as somebody does who is about to change it; until the end of the test at most. */
export async function lockLead(pool: Journey['pool'], place: number): Promise<{ release: () => Promise<void> }> {
  const client = await pool.connect()
  // Rollcall's own connections may not be silent in a transaction; this one is meant to be.
  await client.query('BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0')
  const { rowCount } = await client.query(
    'SELECT FROM leads WHERE id = (SELECT id FROM leads ORDER BY created_at, id OFFSET $1 LIMIT 1) FOR UPDATE',
    [place - 1],
  )
  if (rowCount !== 1) throw new Error(`There is no lead at place ${place}.`)
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
