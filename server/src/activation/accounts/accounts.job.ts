import { draftAccounts, type AccountDrafts } from '../../accounts/account-drafts.ts'
import { endOfLink, extendLinksOf, type LinkLife } from '../../accounts/accounts.usecases.ts'
import type { Transaction } from '../../db/database.ts'
import { settleAll } from '../../util/settle-all.ts'
import { enqueue, type ChunkJob } from '../../jobs/queues.ts'
import {
  itemsWithoutAccount,
  makeAccounts,
  storeAccountOutcomes,
  storeAllCreated,
  type AccountOutcome,
  type MailOutcome,
} from './accounts.queries.ts'
import { finishAccounts, lockClaimedChunk, type ClaimedChunk } from '../chunks/chunks.queries.ts'
import { readSession, type SessionRow } from '../session/sessions.queries.ts'
import { dateOrNull } from '../starting/chunk-jobs.usecases.ts'
import { runChunk } from '../chunks/chunk-run.ts'
import type { WorkerContext } from '../chunks/worker-context.ts'

/** The error that undoes the transaction of a chunk where its claim is no longer valid or the session does not run any more. */
class Stopped extends Error {}

/**
 * Creates the accounts of one chunk, in one transaction with their outcomes, the counters and the job for their mails.
 * Does nothing when the chunk is done, claimed by somebody else, or its session does not run.
 */
export async function createAccountsOfChunk(context: WorkerContext, job: ChunkJob): Promise<void> {
  await runChunk(context, job, 'accounts', async (claimed) => {
    try {
      const changed = await context.workerDatabase.transaction((transaction) =>
        createAccounts(context, transaction, claimed),
      )
      context.publish([job.sessionId], changed)
      return { idle: false, released: true }
    } catch (error) {
      if (!(error instanceof Stopped)) throw error
      return { idle: false }
    }
  })
}

/** Creates the accounts of a claimed chunk; resolves to true when the session's status changed with it. */
async function createAccounts(
  context: WorkerContext,
  transaction: Transaction,
  claimed: ClaimedChunk,
): Promise<boolean> {
  const [isClaimed, session] = await settleAll([
    lockClaimedChunk(transaction, claimed),
    readSession(transaction, claimed.sessionId) as Promise<SessionRow>,
  ])
  if (!isClaimed) throw new Stopped()
  const now = context.now()
  const links = { now, linkLifeDays: session.template.linkLifeDays }
  const drafts = draftAccounts(claimed.lastPosition - claimed.firstPosition + 1, context.linkKey)
  const made = await makeAccounts(transaction, claimed, { drafts, now, expiresAt: endOfLink(links) })
  const outcomes =
    made === drafts.ids.length ? null : await outcomesOneByOne(transaction, { claimed, drafts, session, links })
  const ofMade = mailOutcome(null, session)
  const toMail = (outcomes ?? [ofMade]).some((outcome) => outcome.mailState === 'pending')
  const job = {
    data: { sessionId: claimed.sessionId, chunk: claimed.chunk },
    startAfter: dateOrNull(session.mail_not_before),
  }
  // These statements lock the session, and outcomes of mails wait for that lock, so nothing comes after them but the commit.
  const [, moved] = await settleAll([
    finishAccounts(transaction, claimed, !toMail),
    outcomes === null
      ? storeAllCreated(transaction, claimed, { ...ofMade, ids: drafts.ids, now })
      : storeAccountOutcomes(transaction, { sessionId: claimed.sessionId, now, outcomes }),
    enqueue(context.boss, transaction, 'mails', toMail ? [job] : []),
  ])
  // `moved` is null when no item was without an outcome and the session had begun before; its status is then the one that was read.
  if (!['running', 'completed'].includes(moved?.status ?? session.status)) throw new Stopped()
  return moved !== null && moved.status !== moved.status_before
}

/**
 * Returns the outcomes of a chunk of which some items have an account already, or cannot have one. Extends the links of
 * people who were invited earlier where the session is to remind them.
 */
async function outcomesOneByOne(
  transaction: Transaction,
  of: { claimed: ClaimedChunk; drafts: AccountDrafts; session: SessionRow; links: LinkLife },
): Promise<AccountOutcome[]> {
  const people = await itemsWithoutAccount(transaction, of.claimed)
  const drafted = new Set(of.drafts.ids)
  const isEarlier = (id: string | null) => id !== null && !drafted.has(id)
  if (of.session.options.remind === true) {
    const invited = people.filter((person) => person.account_status === 'invited' && isEarlier(person.account_id))
    await extendLinksOf(
      transaction,
      invited.map((person) => person.account_id!),
      of.links,
      0,
    )
  }
  return people.map(({ position, account_id: accountId, account_status: status }) => {
    if (accountId === null)
      return {
        position,
        accountState: 'failed',
        accountReason: 'invalid_address',
        accountId,
        mailState: 'skipped',
        mailReason: 'account_failed',
      }
    const earlier = !isEarlier(accountId) ? null : status === 'active' ? 'already_active' : 'already_invited'
    const accountState = earlier === null ? 'created' : 'existing'
    return { position, accountState, accountReason: earlier, accountId, ...mailOutcome(earlier, of.session) }
  })
}

/** Returns what becomes of the mail of an item that has an account; `earlier` says why the account is not a new one. */
function mailOutcome(earlier: 'already_active' | 'already_invited' | null, { options }: SessionRow): MailOutcome {
  const reminded = earlier === 'already_invited' && options.remind === true
  const reason = options.mail === false ? 'mail_off' : reminded ? null : earlier
  return { mailState: reason === null ? 'pending' : 'skipped', mailReason: reason }
}
