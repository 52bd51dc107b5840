import { setTimeout as wait } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import type { FastifyBaseLogger } from 'fastify'
import { rowsOf, type Transaction } from '../db/database.ts'

/** Work that comes round again and again. */
export interface PeriodicTask {
  /** Begins no other round, tells the one under way to end soon, and waits for it. */
  close(): Promise<void>
}

/** Goes round after `first` milliseconds and then `every` so many, never twice at once. A round that fails is logged and comes again. */
export function periodicTask(
  options: { what: string; first: number; every: number; logger: FastifyBaseLogger },
  round: (signal: AbortSignal) => Promise<void>,
): PeriodicTask {
  const closing = new AbortController()
  const { signal } = closing

  async function pause(milliseconds: number): Promise<void> {
    await wait(milliseconds, undefined, { signal, ref: false }).catch(() => undefined)
  }

  async function go(): Promise<void> {
    await pause(options.first)
    while (!signal.aborted) {
      try {
        await round(signal)
      } catch (error) {
        if (!signal.aborted) options.logger.warn({ err: error }, `${options.what} failed and is tried again`)
      }
      await pause(options.every)
    }
  }

  const going = go()
  return {
    async close() {
      closing.abort()
      await going
    },
  }
}

const lockNumbers = { retention: 7_665_002, counters: 7_665_003 }

/** True when no other node is at this work; it stays so until the transaction ends. */
export async function tryClusterLock(work: keyof typeof lockNumbers, transaction: Transaction): Promise<boolean> {
  const rows = await rowsOf<{ locked: boolean }>(
    transaction,
    sql`SELECT pg_try_advisory_xact_lock(${lockNumbers[work]}::bigint) AS locked`,
  )
  return rows[0]?.locked === true
}
