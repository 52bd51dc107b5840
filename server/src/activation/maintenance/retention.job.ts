import { setTimeout as wait } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import { periodicTask, type PeriodicTask } from '../../util/periodic-task.ts'
import { removeStep } from './retention.usecases.ts'
import type { ActivationDeps } from '../session/activation-deps.ts'

const firstDelay = 60_000
const interval = 10 * 60_000
/** Milliseconds between two steps, so that other statements are not kept waiting. */
const pause = 50

/** Every ten minutes removes the sessions that are older than the setting `retentionDays`, step by step. */
export function startRetention(
  deps: Pick<ActivationDeps, 'database' | 'now'> & { logger: FastifyBaseLogger },
): PeriodicTask {
  return periodicTask({ name: 'removing old sessions', firstDelay, interval, logger: deps.logger }, async (signal) => {
    while (!signal.aborted) {
      const step = await removeStep(deps.database, deps.now())
      if (step === null) return
      if (step.done) deps.logger.info({ sessionId: step.sessionId }, 'an old session was removed')
      await wait(pause)
    }
  })
}
