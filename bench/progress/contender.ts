import type { Progress } from '../../shared/src/index.ts'

/** A server that sends progress to one room. */
export interface Contender {
  port: number
  /** Sends the progress to everybody in the room, and from then on to everybody who joins. */
  publish(progress: Progress): void
  close(): Promise<void>
}

/** The time at which the first process of a benchmark began, on the clock that all processes of a machine share; the processes that it starts inherit the value. */
const beginning = BigInt((process.env.BENCH_BEGINNING ??= String(process.hrtime.bigint())))

/** Returns the microseconds since the beginning, which are the same in all processes; for half an hour the number is as small as a stored version. */
export function microseconds(): number {
  return Number((process.hrtime.bigint() - beginning) / 1000n)
}

export const sessionId = 'activation_1704123456789_a7bc3d2f1'

/** Creates a progress like one in the middle of a session; its version is the time of its creation, so its receiver knows its age. */
export function progressNow(): Progress {
  const version = microseconds()
  const sent = version % 40_000
  return {
    sessionId,
    version,
    status: 'running',
    reason: null,
    total: 50_000,
    completed: false,
    accounts: { created: 48_200, existing: 1700, failed: 100, cancelled: 0, pending: 0 },
    mails: { sent, failed: 12, unconfirmed: 0, skipped: 1800, cancelled: 0, pending: 48_188 - sent },
    mailsPerSecond: 1204.2,
    secondsLeft: 31,
    startedBy: { id: '0b9c2a51-5f0e-4c0b-9d39-3c1de4b6a3c5', name: 'Ada Lovelace' },
    createdAt: '2026-11-22T08:00:00.000Z',
    startedAt: '2026-11-22T08:00:00.412Z',
    updatedAt: '2026-11-22T08:00:09.731Z',
    finishedAt: null,
  }
}
