import { closeBreaker, claimProbe, isBreakerOpen } from '../breaker/breaker.queries.ts'
import type { WorkerContext } from '../chunks/worker-context.ts'
import { sessionsHeldFor } from '../session/sessions.queries.ts'
import { periodicTask, type PeriodicTask } from '../../util/periodic-task.ts'
import { recoverSession } from './holds.usecases.ts'

const checkMilliseconds = 1000

/**
 * Probes a mail server whose breaker is open because it cannot be reached: one node at a time, with one connection, first
 * after 5 s, then less and less often, to once in 5 min. Once the server answers, the breaker closes, and the sessions that
 * were held for it continue.
 */
export function startBreakerProbe(context: WorkerContext): PeriodicTask {
  const { database, mailServer, logger } = context
  return periodicTask({ name: 'probing the mail server', interval: checkMilliseconds, logger }, async (signal) => {
    if (await claimProbe(database, mailServer)) {
      const probe = await context.sender.probe()
      if (probe.kind !== 'ready') return
      await closeBreaker(database, mailServer)
    } else if (await isBreakerOpen(database, mailServer)) return
    // While the breaker is closed this finds the sessions that were held in the moment in which it closed.
    for (const id of await sessionsHeldFor(database, 'mail_server_down')) {
      if (signal.aborted) return
      await recoverSession(context, id, 'mail_server_down', 'The mail server may be tried again.')
    }
  })
}
