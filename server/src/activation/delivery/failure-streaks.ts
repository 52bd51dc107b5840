import type { HoldReason } from '@rollcall/shared'
import { refusalsBeforeHold } from '../../mail/smtp/answers.ts'
import type { Delivery } from '../../mail/smtp/types.ts'
import { holdForReason, wasHeldSince, concernsMailServer } from '../holds/holds.usecases.ts'
import type { SharedTurns, Turn } from './delivery-run.ts'

/**
 * Holds the session when the same trouble came often enough in a row. What it stops, it stops before it returns; what has
 * to be stored for that, when its promise resolves.
 */
export function countStreak(turn: Turn, delivery: Delivery): Promise<void> | undefined {
  if (delivery.kind !== 'sent' && delivery.kind !== 'later') return countTrouble(turn, delivery)
  turn.streak.reason = null
  turn.streak.length = 0
  return undefined
}

async function countTrouble(turn: Turn, delivery: Delivery): Promise<void> {
  const { streak, context, held } = turn
  const reason = delivery.kind === 'hold' ? delivery.reason : refusedTogether(delivery) ? 'too_many_failures' : null
  if (reason === null) return
  // A mail that was on its way when the session was held says nothing new, although it may have been resumed since.
  if (turn.stopped) return
  streak.length = streak.reason === reason ? streak.length + 1 : 1
  streak.reason = reason
  const isEnough = streak.length >= (delivery.kind === 'hold' ? delivery.after : refusalsBeforeHold)
  if (isEnough) {
    // Before the database is asked, so that nobody tries again meanwhile.
    stopAll(turn, reason)
    await storeFirst(turn.shared, hold(turn, reason, delivery))
  } else if (delivery.kind === 'hold' && (await wasHeldSince(context, held.sessionId, turn.eventsBefore))) {
    stopAll(turn, reason)
  }
}

async function hold({ context, held, eventsBefore }: Turn, reason: HoldReason, delivery: Delivery): Promise<void> {
  if (delivery.kind === 'hold' && (await wasHeldSince(context, held.sessionId, eventsBefore))) return
  const words = 'reply' in delivery ? (delivery.reply ?? delivery.problem) : null
  await holdForReason(context, held.sessionId, reason, words)
}

/** Turns that begin meanwhile send nothing before the hold is stored. */
async function storeFirst(shared: SharedTurns, storing: Promise<void>): Promise<void> {
  const over = storing.catch(() => undefined)
  shared.holding.add(over)
  try {
    await storing
  } finally {
    shared.holding.delete(over)
  }
}

/** Stops every turn of this process that a hold concerns: the session's, or, when it is the mail server's, all of them. */
function stopAll(turn: Turn, reason: HoldReason): void {
  for (const other of turn.shared.underWay) {
    if (!concernsMailServer(reason) && other.held.sessionId !== turn.held.sessionId) continue
    other.stopped = true
    other.streak.length = 0
  }
}

function refusedTogether(delivery: Delivery): boolean {
  return delivery.kind === 'failed' && delivery.countsTowardHold
}
