import type { Database, Queryable, Transaction } from '../../db/database.ts'
import { tryClusterLock } from '../../db/cluster-lock.ts'
import { recountSessions, counterNames, lastAudit, storeAudit, type RecountedSession } from './counter-audit.queries.ts'

/** A session whose counters differ from a recount of its items. */
export interface Mismatch {
  sessionId: string
  version: number
  /** The counters that differ, named as in a progress, such as `mails.sent`. */
  counters: { counter: string; stored: number; counted: number }[]
}

export interface CounterAudit {
  /** How many sessions were recounted. */
  checked: number
  mismatches: Mismatch[]
}

/**
 * Compares the counters of sessions with a recount of their items; changes nothing, and is right also while they run. With
 * `since`, it covers only sessions that changed since then, and those that are named. Throws when `signal` is aborted.
 */
export async function auditCounters(
  database: Queryable,
  options: { since?: Date | null; named?: readonly string[]; signal?: AbortSignal } = {},
): Promise<CounterAudit> {
  const { since = null, named = [], signal } = options
  const audit: CounterAudit = { checked: 0, mismatches: [] }
  let after = ''
  for (;;) {
    signal?.throwIfAborted()
    const page = await recountSessions(database, { after, since, named })
    audit.checked += page.length
    audit.mismatches.push(...page.map(compare).filter(({ counters }) => counters.length > 0))
    const last = page.at(-1)
    if (last === undefined) return audit
    after = last.id
  }
}

function compare({ id, version, stored, counted }: RecountedSession): Mismatch {
  const counters = counterNames
    .map((counter) => ({ counter, stored: stored[counter] ?? 0, counted: counted[counter] ?? 0 }))
    .filter((each) => each.stored !== each.counted)
  return { sessionId: id, version: Number(version), counters }
}

/** Renders a mismatch as one line. */
export function mismatchLine({ sessionId, version, counters }: Mismatch): string {
  const numbers = counters.map(({ counter, stored, counted }) => `${counter} ${stored}, counted ${counted}`)
  return `${sessionId} version ${version}: ${numbers.join('; ')}`
}

const hour = 3_600_000
/** Audits overlap, because a change that began before an audit may be stored after it, and the clocks of nodes differ. */
const overlap = 10 * 60_000

/**
 * Audits the sessions that changed since the last audit of any node, and those that disagreed then; the first audit covers
 * all. Does nothing, and `audit` is null, where the last one began less than an hour ago or another node is auditing.
 * `disagreeing` is the number of sessions that are known to disagree, null before the first audit.
 */
export async function auditWhenDue(
  database: Database,
  now: Date,
  signal?: AbortSignal,
): Promise<{ audit: CounterAudit | null; disagreeing: number | null }> {
  return database.transaction(async (transaction) => {
    const alone = await tryClusterLock('counters', transaction)
    const last = await lastAudit(transaction)
    const due = last === null || now.getTime() - last.checkedAt.getTime() >= hour
    if (!alone || !due) return { audit: null, disagreeing: last?.disagreeing.length ?? null }
    const audit = await auditSince(transaction, last, now, signal)
    return { audit, disagreeing: audit.mismatches.length }
  })
}

async function auditSince(
  transaction: Transaction,
  last: Awaited<ReturnType<typeof lastAudit>>,
  now: Date,
  signal?: AbortSignal,
): Promise<CounterAudit> {
  const since = last === null ? null : new Date(last.checkedAt.getTime() - overlap)
  const audit = await auditCounters(transaction, { since, named: last?.disagreeing ?? [], signal })
  await storeAudit(transaction, { checkedAt: now, disagreeing: audit.mismatches.map(({ sessionId }) => sessionId) })
  return audit
}
