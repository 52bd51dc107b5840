import type { FastifyBaseLogger } from 'fastify'
import { periodicTask, type PeriodicTask } from '../../util/periodic-task.ts'
import type { ActivationDeps } from '../session/activation-deps.ts'
import { auditWhenDue } from './counter-audit.usecases.ts'

const firstDelay = 60_000
/** Milliseconds between two looks at whether an audit is due; audits are hourly, whichever node makes them. */
const interval = 5 * 60_000

/** The periodic audit, and what it knows. */
export interface CounterAuditTask extends Pick<PeriodicTask, 'close'> {
  /** Returns how many sessions disagree with their items; null while that is not known. */
  disagreeing: () => number | null
}

/**
 * Every hour compares the counters of the sessions that changed with their items, and logs an error for each session that
 * disagrees.
 */
export function startCounterAudit(
  deps: Pick<ActivationDeps, 'database' | 'now'> & { logger: FastifyBaseLogger },
): CounterAuditTask {
  const { database, now, logger } = deps
  let known: number | null = null
  const task = periodicTask({ name: 'auditing the counters', firstDelay, interval, logger }, async (signal) => {
    const { audit, disagreeing } = await auditWhenDue(database, now(), signal)
    known = disagreeing
    for (const { sessionId, version, counters } of audit?.mismatches ?? [])
      logger.error({ sessionId, version, counters }, 'the counters of a session are not what its items say')
  })
  return { close: () => task.close(), disagreeing: () => known }
}
