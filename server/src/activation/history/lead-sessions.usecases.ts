import type { LeadDetail } from '@rollcall/shared'
import type { Database } from '../../db/database.ts'
import { itemsOfLead } from '../chunks/items.queries.ts'
import { isoTime } from '../session/progress.presenter.ts'

/** Returns the newest 100 sessions that a lead was in, the newest first, with its outcomes there. */
export async function sessionsOfLead(database: Database, leadId: string): Promise<LeadDetail['sessions']> {
  const rows = await itemsOfLead(database, leadId, 100)
  return rows.map((row) => ({
    sessionId: row.session_id,
    status: row.status as LeadDetail['sessions'][number]['status'],
    createdAt: isoTime(row.created_at),
    account: row.account_state,
    mail: row.mail_state,
    reason: row.mail_reason ?? row.account_reason,
  }))
}
