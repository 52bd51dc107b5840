import type { Database, Queryable, Transaction } from '../../db/database.ts'
import { tryClusterLock } from '../../db/cluster-lock.ts'
import { countAgain, counterNames, lastCheck, storeCheck, type CountedSession } from './counter-audit.queries.ts'

/** A session whose counters are not what its items say. */
export interface Mismatch {
  sessionId: string
  version: number
  /** Only those that disagree; named as in a progress, such as `mails.sent`. */
  counters: { counter: string; stored: number; counted: number }[]
}

export interface CounterCheck {
  /** How many sessions were looked at. */
  checked: number
  mismatches: Mismatch[]
}

/**
 * Compares the counters of sessions with a recount of their items; changes nothing, and is right also while they run.
 * With `since`, only those that changed since then, and those that are named. Throws when `signal` ends it.
 */
export async function checkCounters(
  database: Queryable,
  options: { since?: Date | null; named?: readonly string[]; signal?: AbortSignal } = {},
): Promise<CounterCheck> {
  const { since = null, named = [], signal } = options
  const check: CounterCheck = { checked: 0, mismatches: [] }
  let after = ''
  for (;;) {
    signal?.throwIfAborted()
    const page = await countAgain(database, { after, since, named })
    check.checked += page.length
    check.mismatches.push(...page.map(compare).filter(({ counters }) => counters.length > 0))
    const last = page.at(-1)
    if (last === undefined) return check
    after = last.id
  }
}

function compare({ id, version, stored, counted }: CountedSession): Mismatch {
  const counters = counterNames
    .map((counter) => ({ counter, stored: stored[counter] ?? 0, counted: counted[counter] ?? 0 }))
    .filter((each) => each.stored !== each.counted)
  return { sessionId: id, version: Number(version), counters }
}

/** A mismatch on one line. */
export function mismatchLine({ sessionId, version, counters }: Mismatch): string {
  const numbers = counters.map(({ counter, stored, counted }) => `${counter} ${stored}, counted ${counted}`)
  return `${sessionId} version ${version}: ${numbers.join('; ')}`
}

const hour = 3_600_000
/** A change that was begun before a check may be stored after it, and clocks of nodes differ a little. */
const overlap = 10 * 60_000

/**
 * Checks the sessions that changed since the last check of any node, and those that disagreed then, when that was an hour
 * ago; at the first time all. `check` is null when it is not time or another node is at it; `disagreeing` is how many
 * sessions are known to disagree now, null before the first check.
 */
export async function checkWhenDue(
  database: Database,
  now: Date,
  signal?: AbortSignal,
): Promise<{ check: CounterCheck | null; disagreeing: number | null }> {
  return database.transaction(async (transaction) => {
    const alone = await tryClusterLock('counters', transaction)
    const last = await lastCheck(transaction)
    const due = last === null || now.getTime() - last.checkedAt.getTime() >= hour
    if (!alone || !due) return { check: null, disagreeing: last?.disagreeing.length ?? null }
    const check = await checkSince(transaction, last, now, signal)
    return { check, disagreeing: check.mismatches.length }
  })
}

async function checkSince(
  transaction: Transaction,
  last: Awaited<ReturnType<typeof lastCheck>>,
  now: Date,
  signal?: AbortSignal,
): Promise<CounterCheck> {
  const since = last === null ? null : new Date(last.checkedAt.getTime() - overlap)
  const check = await checkCounters(transaction, { since, named: last?.disagreeing ?? [], signal })
  await storeCheck(transaction, { checkedAt: now, disagreeing: check.mismatches.map(({ sessionId }) => sessionId) })
  return check
}
