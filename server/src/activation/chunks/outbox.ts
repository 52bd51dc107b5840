import { setImmediate as nextTick } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import type { Database } from '../../db/database.ts'
import { isDatabaseAway } from '../../db/errors.ts'
import { createBatcher, type BatchEntry } from '../../util/batcher.ts'
import { storeGatesAndOutcomes, type GateEntry, type OutboxResult, type OutcomeEntry } from './outbox.queries.ts'

/** Stores in the database which mails pass the gate and what became of them; each is stored when the promise resolves. */
export interface Outbox {
  /**
   * Resolves to true when the mail may be handed over, and to false when the session does not run or the chunk's claim is
   * no longer valid. Rejects when the database could not be asked: then nothing may be handed over either.
   */
  gate(entry: GateEntry): Promise<boolean>
  /** Stores an outcome, however long the database is away. */
  recordOutcome(entry: OutcomeEntry): Promise<RecordedOutcome>
}

/** Whether an outcome was stored, and what the session does since. */
export interface RecordedOutcome {
  /** False when the chunk's claim is no longer valid: somebody else has decided about the item then. */
  stored: boolean
  /** False when the session has stopped meanwhile, so that nothing more of it is to be tried. */
  sessionRuns: boolean
}

type Entry = { kind: 'gate'; entry: GateEntry } | { kind: 'outcome'; entry: OutcomeEntry }
/** Entries that are stored together. For a gate, `stored` says whether the mail passed it. */
type Batch = readonly BatchEntry<Entry, RecordedOutcome>[]

/** After this many failures while the database answers, one of the entries is taken for the cause, and each is stored alone. */
const attemptsTogether = 20

/**
 * Creates an outbox with group commit: while one transaction of a session is under way, its gates and outcomes gather for
 * the next one. Entries of one session are stored in the order in which they came.
 */
export function createOutbox(options: {
  database: Database
  now: () => Date
  logger: FastifyBaseLogger
  /** Called for every session whose version grew. */
  onProgress: (sessionId: string, result: OutboxResult) => void
  /** Resolves when it is time to try the database again. */
  wait: (milliseconds: number) => Promise<void>
}): Outbox {
  const batcher = createBatcher<Entry, RecordedOutcome>({
    run: storeOrRetry,
    keyOf: ({ entry }) => entry.claim.sessionId,
    // Entries of the same tick join one batch, such as a mail's outcome and the gate of the mail that was pipelined with it.
    gather: nextTick,
  })

  async function storeOrRetry(batch: Batch, sessionId: string): Promise<void> {
    try {
      await store(batch, sessionId)
    } catch (error) {
      for (const each of batch) if (each.value.kind === 'gate') each.reject(error)
      const outcomes = batch.filter((each) => each.value.kind === 'outcome')
      const failures = 1 + Math.max(0, ...outcomes.map((each) => each.attempts))
      options.logger.warn(
        { err: error, sessionId, outcomes: outcomes.length, failures },
        'outcomes are kept until the database takes them',
      )
      if (outcomes.length === 0) return
      if (failures > attemptsTogether && !isDatabaseAway(error)) return storeOneByOne(outcomes, sessionId)
      for (const each of outcomes) each.retry()
      await options.wait(Math.min(2000, 100 * failures))
    }
  }

  async function store(batch: Batch, sessionId: string): Promise<void> {
    const entries = batch.map((each) => each.value)
    const result = await storeGatesAndOutcomes(options.database, {
      sessionId,
      gates: entries.flatMap((each) => (each.kind === 'gate' ? [each.entry] : [])),
      outcomes: entries.flatMap((each) => (each.kind === 'outcome' ? [each.entry] : [])),
      now: options.now(),
    })
    for (const each of batch) {
      const { kind, entry } = each.value
      const positions = kind === 'gate' ? result.gated : result.recorded
      each.resolve({ stored: positions.has(entry.position), sessionRuns: result.sessionRuns })
    }
    if (result.progress !== null) options.onProgress(sessionId, result)
  }

  /** Stores each outcome by itself, so that one that cannot be stored keeps none of the others from being stored. */
  async function storeOneByOne(outcomes: Batch, sessionId: string): Promise<void> {
    for (const each of outcomes) await store([each], sessionId).catch((error: unknown) => each.reject(error))
  }

  return {
    gate: async (entry) => (await batcher.add({ kind: 'gate', entry })).stored,
    recordOutcome: (entry) => batcher.add({ kind: 'outcome', entry }),
  }
}
