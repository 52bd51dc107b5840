import type { HoldReason } from '@rollcall/shared'
import { refusalsBeforeHold } from '../../mail/smtp/answers.ts'
import type { Delivery } from '../../mail/smtp/types.ts'
import { concernsMailServer, holdForReason, wasHeldSince } from '../holds/holds.usecases.ts'
import type { DeliveryRun, DeliveryState } from './delivery-run.ts'

/**
 * Holds the session when the same trouble came often enough in a row. The runs that this concerns are stopped when the call
 * returns; the hold is stored when its promise resolves.
 */
export async function countFailureStreak(run: DeliveryRun, delivery: Delivery): Promise<void> {
  const { streak } = run
  const endsStreak = delivery.kind === 'sent' || delivery.kind === 'later'
  if (endsStreak) {
    streak.reason = null
    streak.length = 0
    return
  }
  const reason = holdReasonOf(delivery)
  // A mail that was under way when the session was held tells nothing new, even if the session was resumed since.
  if (reason === null || run.stopped) return
  streak.length = streak.reason === reason ? streak.length + 1 : 1
  streak.reason = reason
  const isEnough = streak.length >= (delivery.kind === 'hold' ? delivery.after : refusalsBeforeHold)
  if (isEnough) {
    // The runs stop before the hold is stored, so that none of them tries another mail meanwhile.
    stopRuns(run, reason)
    await storeBeforeNextRun(run.state, hold(run, reason, delivery))
  } else if (delivery.kind === 'hold' && (await wasHeldDuring(run))) {
    stopRuns(run, reason)
  }
}

/** Returns the reason for which a session is held after such deliveries in a row; null for one that says nothing about the session. */
function holdReasonOf(delivery: Delivery): HoldReason | null {
  if (delivery.kind === 'hold') return delivery.reason
  return delivery.kind === 'failed' && delivery.countsTowardHold ? 'too_many_failures' : null
}

function wasHeldDuring({ context, claimed, lastEventId }: DeliveryRun): Promise<boolean> {
  return wasHeldSince(context, claimed.sessionId, lastEventId)
}

async function hold(run: DeliveryRun, reason: HoldReason, delivery: Delivery): Promise<void> {
  if (delivery.kind === 'hold' && (await wasHeldDuring(run))) return
  const words = 'reply' in delivery ? (delivery.reply ?? delivery.problem) : null
  await holdForReason(run.context, run.claimed.sessionId, reason, words)
}

/** Waits for a hold to be stored, and makes runs that begin meanwhile wait for it as well. */
async function storeBeforeNextRun(state: DeliveryState, storing: Promise<void>): Promise<void> {
  const ended = storing.catch(() => undefined)
  state.holdsInProgress.add(ended)
  try {
    await storing
  } finally {
    state.holdsInProgress.delete(ended)
  }
}

/** Stops every run of this process that a hold concerns: all of them for a hold of the mail server, else those of the session. */
function stopRuns({ state, claimed }: DeliveryRun, reason: HoldReason): void {
  for (const run of state.runs) {
    if (!concernsMailServer(reason) && run.claimed.sessionId !== claimed.sessionId) continue
    run.stopped = true
    run.streak.length = 0
  }
}
