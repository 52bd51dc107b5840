import type { HoldReason } from '@rollcall/shared'
import type { ComposedTemplate } from '../../mail/composing/compose.ts'
import type { HeldChunk } from '../chunks/chunks.queries.ts'
import type { SessionRow } from '../session/sessions.queries.ts'
import type { WorkerContext } from '../chunks/worker-context.ts'

/** A turn of work on the mails of one chunk. */
export interface Turn {
  context: WorkerContext
  held: HeldChunk
  session: SessionRow
  composed: ComposedTemplate
  sender: string
  shared: SharedTurns
  streak: Streak
  /** The session's newest event when the turn began. */
  eventsBefore: number
  /** Set when nothing more of the chunk is to be sent in this turn. */
  stopped: boolean
  /** How many mails got an outcome. */
  settled: number
  /** Outcomes that were given to the outbox; none of these rejects. */
  storing: Promise<void>[]
  /** The first failure to store one. */
  failure: unknown
}

/** What the last mails of a session had in common; a mail that is sent ends it. */
interface Streak {
  reason: HoldReason | null
  length: number
}

/** What the turns of one process know of each other, so that what stops one of them stops all that it concerns. */
export interface SharedTurns {
  streaks: Map<string, Streak>
  underWay: Set<Turn>
  /** How many mails they ask for at once, all together. */
  sendLoops: number
  /** Holds that are being stored; none of these rejects. */
  holding: Set<Promise<unknown>>
  last: WeakMap<object, LastMail>
}

/** The last mail over a connection that has an outcome. */
export interface LastMail {
  sessionId: string
  /** Resolves when the outcome is stored; never rejects. */
  stored: Promise<void>
  /** The mail server refused it before the gate. */
  refused: boolean
}

/** Nothing is under way yet. */
export function createSharedTurns(): SharedTurns {
  return { streaks: new Map(), underWay: new Set(), sendLoops: 0, holding: new Set(), last: new WeakMap() }
}
