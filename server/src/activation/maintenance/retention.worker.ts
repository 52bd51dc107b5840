import { setTimeout as wait } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import { goRound, type Rounds } from '../../util/rounds.ts'
import { removeStep } from './retention.usecases.ts'
import type { ActivationParts } from '../starting/sessions.usecases.ts'

const first = 60_000
const every = 10 * 60_000
/** Between two steps others come to their turn. */
const breath = 50

/** Every ten minutes removes the sessions that are older than the settings say, a step at a time. */
export function watchRetention(
  parts: Pick<ActivationParts, 'database' | 'now'> & { logger: FastifyBaseLogger },
): Rounds {
  return goRound({ what: 'removing old sessions', first, every, logger: parts.logger }, async (signal) => {
    while (!signal.aborted) {
      const step = await removeStep(parts.database, parts.now())
      if (step === null) return
      if (step.done) parts.logger.info({ sessionId: step.sessionId }, 'an old session was removed')
      await wait(breath)
    }
  })
}
