import type { InspectAnswer, LeadDetail } from '@rollcall/shared'
import type { Database, Queryable, Transaction } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import { accountByDigest, accountByLead, activateAccount, extendLinks, type AccountRow } from './accounts.queries.ts'
import { hashPassword, passwordProblem } from './password.ts'
import { tokenDigest } from './token.ts'

const day = 86_400_000

/** The life of the links in a mail that is sent now. */
export interface LinkLife {
  now: Date
  linkLifeDays: number
}

/** True when a day or more of the life of a link has passed. */
export function isLinkEnding(expiresAt: string, life: LinkLife): boolean {
  return new Date(expiresAt).getTime() < endOfLink(life).getTime() - day
}

/** Gives the links of these accounts their whole life again where more than `tolerated` milliseconds of it have passed. */
export async function extendLinksOf(
  transaction: Transaction,
  accountIds: string[],
  life: LinkLife,
  tolerated = day,
): Promise<void> {
  const expiresAt = endOfLink(life)
  if (accountIds.length === 0) return
  await extendLinks(transaction, accountIds, expiresAt, new Date(expiresAt.getTime() - tolerated))
}

/** The time at which a link that is made now expires. */
export function endOfLink({ now, linkLifeDays }: LinkLife): Date {
  return new Date(now.getTime() + linkLifeDays * day)
}

/** Returns the account of a lead as the API presents it, or null. */
export async function accountOfLead(database: Queryable, leadId: string): Promise<LeadDetail['account']> {
  const account = await accountByLead(database, leadId)
  if (account === null) return null
  return {
    id: account.id,
    status: account.status,
    createdAt: new Date(account.created_at).toISOString(),
    activatedAt: account.activated_at === null ? null : new Date(account.activated_at).toISOString(),
    linkExpiresAt: new Date(account.token_expires_at).toISOString(),
  }
}

/**
 * Returns what the page of an activation link shows, and changes nothing.
 *
 * @throws DomainError TOKEN_INVALID, TOKEN_USED, TOKEN_EXPIRED
 */
export async function inspectToken(database: Database, token: string, now: Date): Promise<InspectAnswer> {
  const account = await usableAccount(database, token, now)
  return {
    email: account.email,
    firstName: account.first_name,
    expiresAt: new Date(account.token_expires_at).toISOString(),
  }
}

/** Does in the same transaction what else follows from an activation. The function that it returns is called after the commit. */
export type OnActivated = (transaction: Transaction, accountId: string) => Promise<() => void>

/**
 * Sets the password of the account that the token belongs to. This works once.
 *
 * @throws DomainError PASSWORD_TOO_WEAK, TOKEN_INVALID, TOKEN_USED, TOKEN_EXPIRED
 */
export async function acceptInvitation(
  database: Database,
  options: {
    token: string
    password: string
    now: Date
    onActivated: OnActivated
  },
): Promise<{ email: string }> {
  const account = await usableAccount(database, options.token, options.now)
  const problem = passwordProblem(options.password)
  if (problem !== null) throw new DomainError('PASSWORD_TOO_WEAK', problem)
  const passwordHash = await hashPassword(options.password)
  const tell = await database.transaction(async (transaction) => {
    if (!(await activateAccount(transaction, { accountId: account.id, passwordHash, now: options.now }))) throw used()
    return options.onActivated(transaction, account.id)
  })
  tell()
  return { email: account.email }
}

async function usableAccount(
  database: Database,
  token: string,
  now: Date,
): Promise<AccountRow & { first_name: string }> {
  const account = await accountByDigest(database, tokenDigest(token))
  if (account === null)
    throw new DomainError(
      'TOKEN_INVALID',
      'This link is not valid. Copy it whole from the mail, or ask to be invited again.',
    )
  if (account.status === 'active') throw used()
  if (new Date(account.token_expires_at) <= now)
    throw new DomainError('TOKEN_EXPIRED', 'This link has expired. Ask to be invited again.')
  return account
}

function used(): DomainError {
  return new DomainError('TOKEN_USED', 'This link was used already: your account has its password.')
}
