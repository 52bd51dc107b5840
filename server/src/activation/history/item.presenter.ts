import type { Item } from '@rollcall/shared'
import { senderOf } from '../../mail/address.ts'
import type { ItemRow } from '../chunks/items.queries.ts'
import { messageIdOf } from '../chunks/message-id.ts'
import { isoTimeOrNull } from '../session/progress.presenter.ts'
import type { SessionRow } from '../session/sessions.queries.ts'

/** Presents an item of a session as the API gives it. The Message-ID is told once the mail was handed over for the first time. */
export function presentItem(row: ItemRow, session: SessionRow): Item {
  const wasTried = row.first_try_at !== null
  return {
    lead: { id: row.lead_id, email: row.email, firstName: row.first_name, lastName: row.last_name },
    account: { state: row.account_state, reason: row.account_reason, accountId: row.account_id },
    mail: {
      state: row.mail_state,
      reason: row.mail_reason,
      tries: row.tries,
      nextTryAt: isoTimeOrNull(row.next_try_at),
      reply: row.reply,
      messageId: wasTried ? messageIdOf(session.id, row.position, senderOf(session.template.from).address) : null,
      sentAt: isoTimeOrNull(row.sent_at),
      settledBy: row.settled_by,
    },
  }
}
