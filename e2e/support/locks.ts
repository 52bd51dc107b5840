import { onTestFinished } from 'vitest'
import type { Journey } from './journey.ts'

/** Holds the row of the lead that came in at this place, as somebody does who is about to change it; until the end of the test at most. */
export async function lockLead(pool: Journey['pool'], place: number): Promise<{ release: () => Promise<void> }> {
  const client = await pool.connect()
  await client.query('BEGIN')
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
