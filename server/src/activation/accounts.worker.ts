import { ensureAccounts, type EnsuredAccount } from '../accounts/accounts.usecases.ts'
import type { Transaction } from '../db/database.ts'
import { enqueue, type ChunkJob } from '../jobs/queues.ts'
import { finishAccounts, lockHeldChunk, type HeldChunk } from './chunks.queries.ts'
import { itemsWithoutAccount, storeAccountOutcomes, type AccountOutcome } from './items.queries.ts'
import { advance } from './progress.queries.ts'
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
    } catch (error) {
      if (!(error instanceof Stopped)) throw error
    }
    return { idle: false }
  })
}

/** True when the session's status changed with it. */
async function createAccounts(parts: WorkerParts, transaction: Transaction, held: HeldChunk): Promise<boolean> {
  if (!(await lockHeldChunk(transaction, held))) throw new Stopped()
  const session = (await readSession(transaction, held.sessionId)) as SessionRow
  const now = parts.now()
  const people = await itemsWithoutAccount(transaction, held)
  const ensured = await ensureAccounts(
    transaction,
    people.map((person) => ({
      leadId: person.lead_id,
      email: person.email,
      emailKey: person.email_key,
      mayHaveNew: person.valid,
    })),
    {
      secret: parts.secret,
      now,
      linkLifeDays: session.template.linkLifeDays,
      remind: session.options.remind === true,
    },
  )
  const outcomes = people.map((person) => accountOutcome(person.position, ensured.get(person.email_key), session))
  const deltas = await storeAccountOutcomes(transaction, held.sessionId, outcomes)
  const toMail = outcomes.some((outcome) => outcome.mailState === 'pending')
  await finishAccounts(transaction, held, !toMail)
  if (toMail) {
    const startAfter = timeOrNull(session.mail_not_before)
    await enqueue(parts.boss, transaction, 'mails', [
      { data: { sessionId: held.sessionId, chunk: held.chunk }, startAfter },
    ])
  }
  // Last, because outcomes of mails wait while it is locked.
  const moved = await advance(transaction, { sessionId: held.sessionId, now, deltas, change: { transition: 'begin' } })
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
