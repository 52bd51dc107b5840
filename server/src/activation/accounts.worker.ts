import { ensureAccounts, type EnsuredAccount } from '../accounts/accounts.usecases.ts'
import type { Transaction } from '../db/database.ts'
import { together } from '../together.ts'
import { enqueue, type ChunkJob } from '../jobs/queues.ts'
import { finishAccounts, lockHeldChunk, type HeldChunk } from './chunks.queries.ts'
import { itemsWithoutAccount, storeAccountOutcomes, type AccountOutcome } from './items.queries.ts'
import { readSession, type SessionRow } from './sessions.queries.ts'
import { timeOrNull } from './sessions.usecases.ts'
import { workOnChunk } from './turn.ts'
import type { WorkerParts } from './worker-parts.ts'

/** Thrown to undo a chunk whose session stopped meanwhile. */
class Stopped extends Error {}

/**
 * Creates the accounts of one chunk, in one transaction with their outcomes, the counters and the job for their mails.
 * Does nothing when the chunk is done, held by somebody else, or its session does not run.
 */
export async function createAccountsOfChunk(parts: WorkerParts, job: ChunkJob): Promise<void> {
  await workOnChunk(parts, job, 'accounts', async (held) => {
    try {
      const changed = await parts.keyed.transaction((transaction) => createAccounts(parts, transaction, held))
      parts.ring([job.sessionId], changed)
      return { idle: false, released: true }
    } catch (error) {
      if (!(error instanceof Stopped)) throw error
      return { idle: false }
    }
  })
}

/** True when the session's status changed with it. */
async function createAccounts(parts: WorkerParts, transaction: Transaction, held: HeldChunk): Promise<boolean> {
  const [isHeld, session, people] = await together([
    lockHeldChunk(transaction, held),
    readSession(transaction, held.sessionId) as Promise<SessionRow>,
    itemsWithoutAccount(transaction, held),
  ])
  if (!isHeld) throw new Stopped()
  const now = parts.now()
  const ensured = await ensureAccounts(
    transaction,
    people.map((person) => ({
      leadId: person.lead_id,
      emailKey: person.email_key,
      mayHaveNew: person.valid,
    })),
    {
      linkKey: parts.linkKey,
      now,
      linkLifeDays: session.template.linkLifeDays,
      remind: session.options.remind === true,
    },
  )
  const outcomes = people.map((person) => accountOutcome(person.position, ensured.get(person.email_key), session))
  const toMail = outcomes.some((outcome) => outcome.mailState === 'pending')
  const job = {
    data: { sessionId: held.sessionId, chunk: held.chunk },
    startAfter: timeOrNull(session.mail_not_before),
  }
  // This locks the session, for which outcomes of mails wait: from here on nothing else is waited for but the commit.
  const [, moved] = await together([
    finishAccounts(transaction, held, !toMail),
    storeAccountOutcomes(transaction, { sessionId: held.sessionId, now, outcomes }),
    enqueue(parts.boss, transaction, 'mails', toMail ? [job] : []),
  ])
  // Null when no item was left to settle and the session had begun before: then its status is the one that was read.
  if (!['running', 'completed'].includes(moved?.status ?? session.status)) throw new Stopped()
  return moved !== null && moved.status !== moved.status_before
}

/** What becomes of an item, from the account that its address has now. */
function accountOutcome(position: number, account: EnsuredAccount | undefined, session: SessionRow): AccountOutcome {
  if (account === undefined)
    return {
      position,
      accountState: 'failed',
      accountReason: 'invalid_address',
      accountId: null,
      mailState: 'skipped',
      mailReason: 'account_failed',
    }
  const earlier = account.created ? null : account.status === 'active' ? 'already_active' : 'already_invited'
  const skipped = session.options.mail === false ? 'mail_off' : mailSkipReason(earlier, session.options.remind === true)
  return {
    position,
    accountState: account.created ? 'created' : 'existing',
    accountReason: earlier,
    accountId: account.id,
    mailState: skipped === null ? 'pending' : 'skipped',
    mailReason: skipped,
  }
}

function mailSkipReason(earlier: 'already_active' | 'already_invited' | null, remind: boolean) {
  return earlier === 'already_invited' && remind ? null : earlier
}
