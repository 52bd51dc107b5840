import type { HoldReason } from '@rollcall/shared'
import { isBreakerOpen, lockOpenBreaker, openBreaker } from '../breaker/breaker.queries.ts'
import type { WorkerContext } from '../chunks/worker-context.ts'
import type { ActivationDeps } from '../session/activation-deps.ts'
import { advance } from '../session/advance.queries.ts'
import { hasHoldEventAfter } from '../session/events.queries.ts'
import { holdSession, storeHold } from '../session/hold.usecases.ts'
import { enqueueSession } from '../starting/chunk-jobs.usecases.ts'

/** The reasons that concern the mail server and not one session: every session that sends meets them. */
const mailServerReasons: readonly HoldReason[] = ['mail_server_down', 'mail_sign_in_refused']

/** True of a reason that concerns the mail server, so that it opens the breaker and holds every session that sends. */
export function concernsMailServer(reason: HoldReason): boolean {
  return mailServerReasons.includes(reason)
}

/**
 * Holds a session for a reason. Where the reason concerns the mail server, opens its breaker, which holds every session on
 * every node. `heard` is what the mail server said.
 */
export async function holdForReason(
  context: WorkerContext,
  sessionId: string,
  reason: HoldReason,
  heard: string | null,
): Promise<void> {
  if (!concernsMailServer(reason)) return holdSession(context, sessionId, reason, heard)
  await openBreaker(context.database, { server: context.mailServer, reason, heard })
  await holdIfBreakerOpen(context, sessionId)
}

/** Holds a session while the breaker of its mail server is open. Returns true where it is open, so that nothing may be sent. */
export async function holdIfBreakerOpen(context: WorkerContext, sessionId: string): Promise<boolean> {
  if (!(await isBreakerOpen(context.database, context.mailServer))) return false
  const { isOpen, isNewlyHeld } = await context.database.transaction(async (transaction) => {
    // Without the lock a person could close the breaker in between, and the session would be held for nothing.
    const breaker = await lockOpenBreaker(transaction, context.mailServer)
    if (breaker === null) return { isOpen: false, isNewlyHeld: false }
    const hold = { sessionId, now: context.now(), reason: breaker.reason, cause: breaker.heard }
    return { isOpen: true, isNewlyHeld: await storeHold(transaction, hold) }
  })
  if (isNewlyHeld) context.publish([sessionId], true)
  return isOpen
}

/** True when a session was held after this event of it, or is held by this call because the breaker is open. */
export async function wasHeldSince(context: WorkerContext, sessionId: string, eventId: number): Promise<boolean> {
  return (await holdIfBreakerOpen(context, sessionId)) || hasHoldEventAfter(context.database, sessionId, eventId)
}

/** Lets a session that is held for a reason continue, because the reason is gone. */
export async function recoverSession(
  deps: ActivationDeps,
  sessionId: string,
  heldFor: HoldReason,
  cause: string,
): Promise<void> {
  const now = deps.now()
  const recovered = await deps.database.transaction(async (transaction) => {
    const moved = await advance(transaction, {
      sessionId,
      now,
      change: { transition: 'recover', cause, heldFor },
    })
    if (moved !== null) await enqueueSession(deps, transaction, sessionId, now)
    return moved !== null
  })
  if (recovered) deps.publish([sessionId], true)
}
