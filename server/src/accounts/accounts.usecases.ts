import { randomUUIDv7, type KeyObject } from 'node:crypto'
import type { AccountStatus, InspectAnswer, LeadDetail } from '@rollcall/shared'
import type { Database, Queryable, Transaction } from '../db/database.ts'
import { Refusal } from '../http/refusal.ts'
import {
  accountByDigest,
  accountByLead,
  accountsByKey,
  activateAccount,
  extendLinks,
  insertAccounts,
  type AccountRow,
} from './accounts.queries.ts'
import { hashPassword, passwordProblem } from './password.ts'
import { activationToken, tokenDigest } from './token.ts'

const day = 86_400_000

export interface PersonWithoutAccount {
  leadId: string
  emailKey: string
  /** False where no mail could be sent to the address: then only an account that exists is found. */
  mayHaveNew: boolean
}

export interface EnsuredAccount {
  id: string
  status: AccountStatus
  /** True when this call made it. */
  created: boolean
}

/**
 * Makes sure that each of these people has an account, by address; at most one an address, whoever else does the same at
 * the same time. Gives the accounts by `emailKey`. `remind`: the links of those invited earlier live on.
 */
export async function ensureAccounts(
  transaction: Transaction,
  people: PersonWithoutAccount[],
  options: { linkKey: KeyObject; now: Date; linkLifeDays: number; remind: boolean },
): Promise<Map<string, EnsuredAccount>> {
  const expiresAt = endOfLink(options)
  const wanted = people
    .filter((person) => person.mayHaveNew)
    .map(({ leadId, emailKey }) => {
      const id = randomUUIDv7()
      return { id, leadId, emailKey, tokenDigest: tokenDigest(activationToken(options.linkKey, id, 1)) }
    })
  const made = await insertAccounts(transaction, wanted, { now: options.now, expiresAt })
  if (made === people.length)
    return new Map(wanted.map(({ id, emailKey }) => [emailKey, { id, status: 'invited', created: true }]))
  // A statement of its own, so that it sees accounts that another transaction made while the insert waited for it.
  const found = await accountsByKey(
    transaction,
    people.map((person) => person.emailKey),
  )
  const ids = new Set<string>(wanted.map(({ id }) => id))
  const ensured = new Map<string, EnsuredAccount>(
    found.map(({ id, email_key, status }) => [email_key, { id, status, created: ids.has(id) }]),
  )
  const earlier = found.filter(({ id, status }) => status === 'invited' && !ids.has(id))
  if (options.remind && earlier.length > 0)
    await extendLinks(
      transaction,
      earlier.map((account) => account.id),
      expiresAt,
      expiresAt,
    )
  return ensured
}

/** How long the links of a mail live that is sent now. */
interface LinkLife {
  now: Date
  linkLifeDays: number
}

/** True when a day or more of a link's whole life is gone. */
export function isLinkEnding(expiresAt: string, life: LinkLife): boolean {
  return new Date(expiresAt) < dayBefore(endOfLink(life))
}

/** Lets the links of these accounts live a whole life from now on, where more than a day of it is gone. */
export async function extendLinksOf(transaction: Transaction, accountIds: string[], life: LinkLife): Promise<void> {
  const expiresAt = endOfLink(life)
  if (accountIds.length > 0) await extendLinks(transaction, accountIds, expiresAt, dayBefore(expiresAt))
}

function endOfLink({ now, linkLifeDays }: LinkLife): Date {
  return new Date(now.getTime() + linkLifeDays * day)
}

function dayBefore(time: Date): Date {
  return new Date(time.getTime() - day)
}

/** The account of a lead as screens show it, or null. */
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

/** What the page of an activation link shows. Changes nothing. Refuses a wrong, used or expired token, each with its code. */
export async function inspectToken(database: Database, token: string, now: Date): Promise<InspectAnswer> {
  const account = await usableAccount(database, token, now)
  return {
    email: account.email,
    firstName: account.first_name,
    expiresAt: new Date(account.token_expires_at).toISOString(),
  }
}

/** What else follows from an activation, in the same transaction; what it gives is called after the commit. */
export type OnActivated = (transaction: Transaction, accountId: string) => Promise<() => void>

/**
 * Sets the password of the account that the token belongs to, once.
 * Refuses a weak password and a wrong, used or expired token.
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
  if (problem !== null) throw new Refusal(422, 'PASSWORD_TOO_WEAK', problem)
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
    throw new Refusal(
      404,
      'TOKEN_INVALID',
      'This link is not valid. Copy it whole from the mail, or ask to be invited again.',
    )
  if (account.status === 'active') throw used()
  if (new Date(account.token_expires_at) <= now)
    throw new Refusal(422, 'TOKEN_EXPIRED', 'This link has expired. Ask to be invited again.')
  return account
}

function used(): Refusal {
  return new Refusal(409, 'TOKEN_USED', 'This link was used already: your account has its password.')
}
