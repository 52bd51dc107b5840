import { setImmediate as turnOfEventLoop } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import type { Database } from '../../db/database.ts'
import { isDatabaseAway } from '../../db/errors.ts'
import { storeGatesAndOutcomes, type GateEntry, type OutboxResult, type OutcomeEntry } from './outbox.queries.ts'

/** Where mails ask to pass the gate and leave their outcomes; both are in the database when the promise resolves. */
export interface Outbox {
  /**
   * True when the mail may be handed over. False when the session does not run or the chunk is no longer held.
   * Rejects when the database could not be asked: then nothing may be handed over either.
   */
  gate(entry: GateEntry): Promise<boolean>
  /** Stores an outcome, however long the database is away. */
  settle(entry: OutcomeEntry): Promise<Settled>
}

/** What became of an outcome. */
export interface Settled {
  /** False when the chunk is no longer held: somebody else has settled the item then. */
  stored: boolean
  /** False when the session has stopped meanwhile, so that nothing more of it is to be tried. */
  runs: boolean
}

interface Waiting<Entry, Answer> {
  entry: Entry
  resolve: (answer: Answer) => void
  reject: (error: unknown) => void
}

interface Queue {
  gates: Waiting<GateEntry, boolean>[]
  outcomes: Waiting<OutcomeEntry, Settled>[]
  flushing: boolean
}

/**
 * Group commit: while one transaction of a session is under way, gates and outcomes gather for the next, so the more is
 * going on, the more one commit carries.
 */
export function createOutbox(options: {
  database: Database
  now: () => Date
  logger: FastifyBaseLogger
  /** Told of every session whose version grew. */
  onProgress: (sessionId: string, result: OutboxResult) => void
  /** Resolves when it is time to try the database again. */
  wait: (milliseconds: number) => Promise<void>
}): Outbox {
  const queues = new Map<string, Queue>()

  function join<Entry extends GateEntry | OutcomeEntry, Answer>(
    pick: (queue: Queue) => Waiting<Entry, Answer>[],
    entry: Entry,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const { sessionId } = entry.holding
      const queue = queues.get(sessionId) ?? { gates: [], outcomes: [], flushing: false }
      queues.set(sessionId, queue)
      pick(queue).push({ entry, resolve, reject })
      if (!queue.flushing) void flush(sessionId, queue)
    })
  }

  async function flush(sessionId: string, queue: Queue): Promise<void> {
    queue.flushing = true
    // Whatever becomes ready in the same turn of the event loop joins: the outcome of a mail, and the gate of the one that was
    // pipelined with it.
    await turnOfEventLoop()
    let failures = 0
    while (queue.gates.length + queue.outcomes.length > 0) {
      const gates = queue.gates.splice(0)
      const outcomes = queue.outcomes.splice(0)
      try {
        const result = await storeGatesAndOutcomes(options.database, {
          sessionId,
          gates: gates.map((each) => each.entry),
          outcomes: outcomes.map((each) => each.entry),
          now: options.now(),
        })
        failures = 0
        for (const each of gates) each.resolve(result.gated.has(each.entry.position))
        for (const each of outcomes) each.resolve(settledBy(result, each.entry))
        if (result.progress !== null) options.onProgress(sessionId, result)
      } catch (error) {
        failures += 1
        for (const each of gates) each.reject(error)
        options.logger.warn(
          { err: error, sessionId, outcomes: outcomes.length, failures },
          'outcomes are kept until the database takes them',
        )
        if (failures > jointTries && !isDatabaseAway(error)) await storeOneByOne(sessionId, outcomes)
        else queue.outcomes.unshift(...outcomes)
        if (queue.outcomes.length > 0) await options.wait(Math.min(2000, 100 * failures))
      }
    }
    queues.delete(sessionId)
  }

  /** So that an outcome that cannot be stored keeps none of the others from it. */
  async function storeOneByOne(sessionId: string, outcomes: Queue['outcomes']): Promise<void> {
    for (const { entry, resolve, reject } of outcomes) {
      try {
        const result = await storeGatesAndOutcomes(options.database, {
          sessionId,
          gates: [],
          outcomes: [entry],
          now: options.now(),
        })
        resolve(settledBy(result, entry))
        if (result.progress !== null) options.onProgress(sessionId, result)
      } catch (error) {
        reject(error)
      }
    }
  }

  return {
    gate: (entry) => join((queue) => queue.gates, entry),
    settle: (entry) => join((queue) => queue.outcomes, entry),
  }
}

function settledBy({ settled, runs }: OutboxResult, { position }: OutcomeEntry): Settled {
  return { stored: settled.has(position), runs }
}

/** A statement that fails more often while the database answers fails because of one of its entries. */
const jointTries = 20
