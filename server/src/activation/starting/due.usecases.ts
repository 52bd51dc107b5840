import type { ActivationDeps } from '../session/activation-deps.ts'
import { advance } from '../session/advance.queries.ts'
import { holdSession } from '../session/hold.usecases.ts'
import { readSession } from '../session/sessions.queries.ts'
import { enqueueSession } from './chunk-jobs.usecases.ts'

/** Milliseconds after its time from which a scheduled session does not start by itself, but holds for a person. */
const lateAfter = 5 * 60_000

/**
 * Starts a scheduled session whose time has come, or holds it where its time passed long ago because no process was
 * running.
 */
export async function startDueSession(deps: ActivationDeps, sessionId: string): Promise<void> {
  const now = deps.now()
  const session = await readSession(deps.database, sessionId)
  const late = now.getTime() - new Date(session?.options.startAt ?? now).getTime() > lateAfter
  if (late && session?.status === 'scheduled') {
    await holdSession(deps, sessionId, 'late_start', null)
    return
  }
  await deps.database.transaction(async (transaction) => {
    const moved = await advance(transaction, { sessionId, now, change: { transition: 'due' } })
    if (moved !== null) await enqueueSession(deps, transaction, sessionId, now)
  })
  deps.publish([sessionId], true)
}
