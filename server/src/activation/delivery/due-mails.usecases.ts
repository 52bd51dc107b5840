import { extendLinksOf, isLinkEnding } from '../../accounts/accounts.usecases.ts'
import { lockClaimedChunk, type ClaimedChunk } from '../chunks/chunks.queries.ts'
import { dueMails, skipActivated, type DueMail } from '../chunks/items.queries.ts'
import type { WorkerContext } from '../chunks/worker-context.ts'
import { advance } from '../session/advance.queries.ts'
import type { SessionRow } from '../session/sessions.queries.ts'

/**
 * Returns the mails of a chunk that are due, after it has extended links that would end too early, because a link lives as
 * long as its mail says, counted from the mail and not from the account, and has skipped people who have a password by now.
 */
export async function prepareDueMails(
  context: WorkerContext,
  claimed: ClaimedChunk,
  session: SessionRow,
): Promise<DueMail[]> {
  const links = { now: context.now(), linkLifeDays: session.template.linkLifeDays }
  const mails = await dueMails(context.workerDatabase, claimed)
  const ending = mails.filter((mail) => isLinkEnding(mail.token_expires_at, links))
  // This is so in every session whose mails are sent soon after its accounts were made.
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
  // A mail that became due after the first read has not been prepared, so the next run sends it.
  const dueNow = await dueMails(context.workerDatabase, claimed)
  return dueNow.filter((mail) => mail.account_status === 'invited' && !isLinkEnding(mail.token_expires_at, links))
}
