import type { Progress } from '@rollcall/shared'
import type { Freshness } from '../live/environment.ts'
import { newer } from './newer.ts'
import { isOver } from './percent.ts'

/** What one tab knows of one session. Times are milliseconds of this browser's clock. */
export interface Tracked {
  progress: Progress | null
  /** When these numbers were last known to be true. */
  trueAt: number
  /** True after a frame on this connection. */
  confirmed: boolean
  /** When the session ended, as far as this tab can tell; null while it runs. */
  endedAt: number | null
}

/** Where a progress came from: a live connection, an answer to a request, or what a browser had kept. */
export type Source = 'live' | 'answer' | 'kept'

export const unknownSession: Tracked = { progress: null, trueAt: 0, confirmed: false, endedAt: null }

/** The session after a progress arrived. The highest version stays; a lower one changes nothing. */
export function withProgress(known: Tracked, incoming: Progress, source: Source, at: number): Tracked {
  const isNewer = newer(known.progress, incoming)
  const isSame = known.progress?.version === incoming.version
  if (!isNewer && !isSame) return source === 'live' ? { ...known, confirmed: true } : known
  const progress = isNewer ? incoming : known.progress
  return {
    progress,
    trueAt: isNewer ? at : Math.max(known.trueAt, at),
    confirmed: source === 'live' || known.confirmed,
    endedAt: endedAt(known, incoming, at),
  }
}

/** Seen to end in this tab: now. Otherwise the server's word, whose clock may differ a little from this one. */
function endedAt(known: Tracked, incoming: Progress, at: number): number | null {
  if (!isOver(incoming)) return null
  if (known.endedAt !== null) return known.endedAt
  if (known.progress && known.confirmed) return at
  return incoming.finishedAt ? Date.parse(incoming.finishedAt) : at
}

export function knowledgeOf(tracked: Tracked | undefined): Freshness {
  if (!tracked?.progress) return 'unknown'
  if (isOver(tracked.progress)) return 'final'
  return tracked.confirmed ? 'live' : 'stale'
}

export const showEndedMilliseconds = 120_000

/** True when the tracker shows the session: it runs, or it ended within the last two minutes. */
export function showsInTracker(tracked: Tracked, now: number): boolean {
  if (!tracked.progress) return false
  if (!isOver(tracked.progress)) return true
  return tracked.endedAt !== null && now - tracked.endedAt < showEndedMilliseconds
}
