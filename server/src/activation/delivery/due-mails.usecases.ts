import { extendLinksOf, isLinkEnding } from '../../accounts/accounts.usecases.ts'
import { lockClaimedChunk, type ClaimedChunk } from '../chunks/chunks.queries.ts'
import { dueMails, skipActivated, type DueMail } from '../chunks/items.queries.ts'
import type { WorkerContext } from '../chunks/worker-context.ts'
import { advance } from '../session/advance.queries.ts'
import type { SessionRow } from '../session/sessions.queries.ts'

/**
 * The mails of a chunk that are due, after what has become old is put right: a link lives as long as its mail says, counted
 * from the mail and not from the account, however long the session waited; and whoever has a password by now needs no mail.
 */
export async function prepareDueMails(
  context: WorkerContext,
  claimed: ClaimedChunk,
  session: SessionRow,
): Promise<DueMail[]> {
  const links = { now: context.now(), linkLifeDays: session.template.linkLifeDays }
  const mails = await dueMails(context.workerDatabase, claimed)
  const ending = mails.filter((mail) => isLinkEnding(mail.token_expires_at, links))
  // In a session whose mails follow its accounts at once, there is nothing to put right.
  if (ending.length === 0 && mails.every((mail) => mail.account_status === 'invited')) return mails
  await context.workerDatabase.transaction(async (transaction) => {
    if (!(await lockClaimedChunk(transaction, claimed))) return
    await extendLinksOf(
      transaction,
      ending.map((mail) => mail.account_id),
      links,
    )
    const { skipped, arrived } = await skipActivated(transaction, claimed)
    const deltas = { mailsSkipped: skipped, mailsSent: arrived }
    if (skipped + arrived > 0) await advance(transaction, { sessionId: claimed.sessionId, now: links.now, deltas })
  })
  // A mail that has become due only now was not looked at; it belongs to the next run.
  const dueNow = await dueMails(context.workerDatabase, claimed)
  return dueNow.filter((mail) => mail.account_status === 'invited' && !isLinkEnding(mail.token_expires_at, links))
}
