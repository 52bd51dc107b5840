import type { Progress } from '@rollcall/shared'
import { isFinished } from '@rollcall/shared/statuses'
import { shallowReactive } from 'vue'
import type { Freshness, LiveListener } from '../live/environment.ts'

/** What one tab knows of one session. Times are milliseconds of this browser's clock. */
export interface KnownSession {
  progress: Progress
  freshness: Exclude<Freshness, 'unknown'>
  /** When these numbers were last known to be true. */
  lastConfirmedAt: number
  /** When the session finished, as far as this tab can tell; null while it runs. */
  finishedAt: number | null
}

/** Where a progress came from: the live connection, an answer to a request, or the browser's cache. */
export type Source = 'live' | 'answer' | 'cache'

/** True when `incoming` is to replace `known`: versions only grow, and the same version carries the same numbers. */
export function isNewer(known: { version: number } | null | undefined, incoming: { version: number }): boolean {
  return !known || incoming.version > known.version
}

/** Returns the session after a progress arrived. The highest version stays; a lower one changes no number. */
export function withProgress(
  known: KnownSession | undefined,
  incoming: Progress,
  source: Source,
  at: number,
): KnownSession {
  if (known && incoming.version < known.progress.version) {
    return source === 'live' ? { ...known, freshness: freshnessOf(known, known.progress, source) } : known
  }
  const isNew = isNewer(known?.progress, incoming)
  return {
    progress: isNew ? incoming : known!.progress,
    freshness: freshnessOf(known, incoming, source),
    lastConfirmedAt: isNew ? at : Math.max(known!.lastConfirmedAt, at),
    finishedAt: finishedAt(known, incoming, at),
  }
}

/** Only the live connection makes numbers live; an answer or the cache takes nothing away from numbers that are. */
function freshnessOf(known: KnownSession | undefined, progress: Progress, source: Source): KnownSession['freshness'] {
  if (isFinished(progress)) return 'final'
  return source === 'live' || known?.freshness === 'live' ? 'live' : 'stale'
}

/** A session that this tab saw finish did so now; for any other the server's clock counts, which may differ a little. */
function finishedAt(known: KnownSession | undefined, incoming: Progress, at: number): number | null {
  if (!isFinished(incoming)) return null
  if (known && known.finishedAt !== null) return known.finishedAt
  if (known?.freshness === 'live') return at
  return incoming.finishedAt ? Date.parse(incoming.finishedAt) : at
}

export const showFinishedMilliseconds = 120_000

/** True when the tray shows the session: it runs, or it finished within the last two minutes. */
export function isTracked({ finishedAt }: KnownSession, now: number): boolean {
  return finishedAt === null || now - finishedAt < showFinishedMilliseconds
}

interface SessionsDeps {
  now(): number
  /** A session has other numbers or another freshness than before. */
  changed(session: KnownSession, source: Source): void
}

/** The latest progress of every session that this tab knows of, whichever way it came. Vue watches the map. */
export class Sessions {
  readonly known = shallowReactive(new Map<string, KnownSession>())
  readonly #deps: SessionsDeps

  constructor(deps: SessionsDeps) {
    this.#deps = deps
  }

  /** The part of the live connection's reports that is about numbers. */
  readonly listener = {
    onProgress: (progress) => this.apply(progress, 'live'),
    onActiveSessions: (list) => {
      for (const progress of list) this.apply(progress, 'answer')
    },
    onMessage: (sessionId) =>
      this.#eachLive(sessionId, (session) => ({ ...session, lastConfirmedAt: this.#deps.now() })),
    onDropped: (sessionId) => this.#eachLive(sessionId, (session) => ({ ...session, freshness: 'stale' })),
  } satisfies Partial<LiveListener>

  apply(incoming: Progress, source: Source, at = this.#deps.now()): void {
    const before = this.known.get(incoming.sessionId)
    const after = withProgress(before, incoming, source, at)
    if (after === before) return
    this.known.set(incoming.sessionId, after)
    this.#deps.changed(after, source)
  }

  freshness(sessionId: string): Freshness {
    return this.known.get(sessionId)?.freshness ?? 'unknown'
  }

  #eachLive(sessionId: string | undefined, change: (session: KnownSession) => KnownSession): void {
    for (const [id, session] of this.known) {
      if (session.freshness === 'live' && (sessionId === undefined || id === sessionId))
        this.known.set(id, change(session))
    }
  }
}
