import { setTimeout as wait } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import { periodicTask, type PeriodicTask } from '../../util/periodic-task.ts'
import { removeStep } from './retention.usecases.ts'
import type { ActivationDeps } from '../starting/start.usecases.ts'

const firstDelay = 60_000
const interval = 10 * 60_000
/** Between two steps others come to their turn. */
const breath = 50

/** Every ten minutes removes the sessions that are older than the settings say, a step at a time. */
export function watchRetention(
  deps: Pick<ActivationDeps, 'database' | 'now'> & { logger: FastifyBaseLogger },
): PeriodicTask {
  return periodicTask({ name: 'removing old sessions', firstDelay, interval, logger: deps.logger }, async (signal) => {
    while (!signal.aborted) {
      const step = await removeStep(deps.database, deps.now())
      if (step === null) return
      if (step.done) deps.logger.info({ sessionId: step.sessionId }, 'an old session was removed')
      await wait(breath)
    }
  })
}
