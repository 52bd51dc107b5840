import type { Preview, Selection } from '@rollcall/shared'
import type { Database } from '../../db/database.ts'
import { countSelection, sampleSelection } from './selection.queries.ts'
import { refuseUnknownLeads, selectedLeads } from './selection.usecases.ts'

/** A preview calls a mail recent that was sent within this time. */
const recentDays = 7

/** Counts exactly what starting a selection would do, and changes nothing. Throws LEADS_NOT_FOUND for ids of no lead. */
export async function previewSelection(database: Database, selection: Selection, now: Date): Promise<Preview> {
  await refuseUnknownLeads(database, selection)
  const selected = selectedLeads(selection)
  const since = new Date(now.getTime() - recentDays * 86_400_000)
  const [counts, sample] = await Promise.all([
    countSelection(database, selected, since),
    sampleSelection(database, selected),
  ])
  return {
    total: counts.total,
    willCreate: counts.will_create,
    active: counts.active,
    invited: counts.invited,
    invalid: counts.invalid,
    recentlyMailed: counts.recently_mailed,
    sample: sample.map((lead) => ({
      id: lead.id,
      email: lead.email,
      firstName: lead.first_name,
      lastName: lead.last_name,
    })),
  }
}
