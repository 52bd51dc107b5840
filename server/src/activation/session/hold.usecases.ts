import { holdReasons, type HoldReason } from '@rollcall/shared'
import type { Queryable } from '../../db/database.ts'
import type { ActivationDeps } from './activation-deps.ts'
import { advance } from './advance.queries.ts'

/**
 * Holds a session for a reason, and does nothing where its status does not allow that. `cause` is a sentence that tells what
 * was seen; null takes the usual sentence of the reason.
 */
export async function holdSession(
  deps: ActivationDeps,
  sessionId: string,
  reason: HoldReason,
  cause: string | null,
): Promise<void> {
  if (await storeHold(deps.database, { sessionId, now: deps.now(), reason, cause })) deps.publish([sessionId], true)
}

/** Stores a hold; returns false where the session's status does not allow it. The caller publishes after the commit. */
export async function storeHold(
  database: Queryable,
  hold: { sessionId: string; now: Date; reason: HoldReason; cause: string | null },
): Promise<boolean> {
  const { sessionId, now, reason, cause } = hold
  const change = { transition: 'hold' as const, reason, cause: cause ?? holdReasons[reason], details: { reason } }
  return (await advance(database, { sessionId, now, change })) !== null
}
