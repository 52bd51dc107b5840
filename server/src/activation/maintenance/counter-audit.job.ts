import type { FastifyBaseLogger } from 'fastify'
import { periodicTask, type PeriodicTask } from '../../util/periodic-task.ts'
import { checkWhenDue } from './counter-audit.usecases.ts'
import type { ActivationDeps } from '../starting/start.usecases.ts'

const firstDelay = 60_000
/** How often a node looks whether it is time; the check itself is hourly, whoever makes it. */
const interval = 5 * 60_000

/** The watch over counters, and what it knows. */
export interface CounterWatch extends PeriodicTask {
  /** How many sessions disagree with their items; null while that is not known. */
  disagreeing: () => number | null
}

/** Every hour compares the counters of the sessions that changed with their items, and logs an error for each that disagrees. */
export function watchCounters(
  deps: Pick<ActivationDeps, 'database' | 'now'> & { logger: FastifyBaseLogger },
): CounterWatch {
  let known: number | null = null
  const task = periodicTask(
    { name: 'checking the counters', firstDelay, interval, logger: deps.logger },
    async (signal) => {
      const { check, disagreeing } = await checkWhenDue(deps.database, deps.now(), signal)
      known = disagreeing
      for (const { sessionId, version, counters } of check?.mismatches ?? [])
        deps.logger.error({ sessionId, version, counters }, 'the counters of a session are not what its items say')
    },
  )
  return { ...task, disagreeing: () => known }
}
