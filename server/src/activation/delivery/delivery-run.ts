import type { HoldReason } from '@rollcall/shared'
import { senderOf } from '../../mail/address.ts'
import { composeTemplate, type ComposedTemplate } from '../../mail/composing/compose.ts'
import type { ClaimedChunk } from '../chunks/chunks.queries.ts'
import type { WorkerContext } from '../chunks/worker-context.ts'
import type { SessionRow } from '../session/sessions.queries.ts'

/** One run of work on the mails of one chunk. */
export interface DeliveryRun {
  context: WorkerContext
  claimed: ClaimedChunk
  session: SessionRow
  composed: ComposedTemplate
  /** The address that the mails are from. */
  senderAddress: string
  state: DeliveryState
  streak: FailureStreak
  /** The id of the session's newest event when the run began. */
  lastEventId: number
  /** True when nothing more of the chunk is to be sent in this run. */
  stopped: boolean
  /** How many outcomes were stored. */
  recorded: number
  /** Outcomes that were given to the outbox; none of these promises rejects. */
  recording: Promise<void>[]
  /** The first failure to store an outcome. */
  failure: unknown
}

/** What the last mails of a session had in common; a mail that is sent, or put off by its own recipient, ends it. */
interface FailureStreak {
  reason: HoldReason | null
  length: number
}

/** The state that the delivery runs of one process share, so that a hold stops all runs that it concerns. */
export interface DeliveryState {
  /** The failure streak of each session by its id, for as long as the session is not over. */
  streaks: Map<string, FailureStreak>
  runs: Set<DeliveryRun>
  /** How many mails all runs together ask the sender for at once. */
  sendLoops: number
  /** Holds that are being stored; none of these promises rejects. */
  holdsInProgress: Set<Promise<unknown>>
  /** The last mail of each connection that has an outcome. */
  lastMails: WeakMap<object, LastMail>
}

/** The last mail over a connection that has an outcome. */
export interface LastMail {
  sessionId: string
  /** Resolves when the outcome is stored; never rejects. */
  recorded: Promise<void>
  /** True when the mail server refused the mail before the gate. */
  refused: boolean
}

/** The state of a process in which no delivery has begun. */
export function createDeliveryState(): DeliveryState {
  return { streaks: new Map(), runs: new Set(), sendLoops: 0, holdsInProgress: new Set(), lastMails: new WeakMap() }
}

/** Adds a run to the state of its process; the caller deletes it from `state.runs` when it ends. */
export function beginRun(
  context: WorkerContext,
  state: DeliveryState,
  of: Pick<DeliveryRun, 'claimed' | 'session' | 'lastEventId'>,
): DeliveryRun {
  const { sessionId } = of.claimed
  const { template } = of.session
  const streak = state.streaks.get(sessionId) ?? { reason: null, length: 0 }
  state.streaks.set(sessionId, streak)
  const from = senderOf(template.from)
  const run: DeliveryRun = {
    ...of,
    context,
    composed: composeTemplate(template.source, from, { linkDays: template.linkLifeDays }),
    senderAddress: from.address,
    state,
    streak,
    stopped: false,
    recorded: 0,
    recording: [],
    failure: null,
  }
  state.runs.add(run)
  return run
}

/**
 * True while a run may begin another mail. A process that was frozen finds out by its own clock (`nodeId`), without asking
 * anybody, that its claim may have ended.
 */
export function mayContinue({ context, claimed, stopped }: DeliveryRun): boolean {
  return !stopped && !context.stopping() && context.nodeId() === claimed.nodeId
}

/** Stops all runs of this process on a session. */
export function stopRunsOfSession(state: DeliveryState, sessionId: string): void {
  for (const run of state.runs) if (run.claimed.sessionId === sessionId) run.stopped = true
}
