import type { Progress } from '@rollcall/shared'
import { isFinished } from '@rollcall/shared/statuses'
import type { LiveEnvironment } from '../live/environment.ts'
import { isNewer, showFinishedMilliseconds } from './sessions.ts'

/** A progress in the browser's storage, and when it was last known to be true; that field keeps the name it has there. */
export interface CachedProgress {
  progress: Progress
  trueAt: number
}
export type CachedBySession = Record<string, CachedProgress>

export const cacheKey = 'rollcall.progress'
const writeEveryMilliseconds = 1_000
const dayMilliseconds = 86_400_000

/** Merges two caches; of each session the higher version stays, of one version the later confirmation. */
export function mergeCached(one: CachedBySession, other: CachedBySession): CachedBySession {
  const merged = { ...one }
  for (const [sessionId, cached] of Object.entries(other)) {
    const known = merged[sessionId]
    const isSameButLater = known?.progress.version === cached.progress.version && cached.trueAt > known.trueAt
    if (isNewer(known?.progress, cached.progress) || isSameButLater) merged[sessionId] = cached
  }
  return merged
}

/** Reads what a string of the browser's storage says; empty where it cannot be read. */
export function parseCached(text: string | null): CachedBySession {
  try {
    const value: unknown = JSON.parse(text ?? '{}')
    if (typeof value !== 'object' || value === null) return {}
    const entries = Object.entries(value as CachedBySession)
    return Object.fromEntries(entries.filter(([, cached]) => Number.isInteger(cached?.progress?.version)))
  } catch {
    return {}
  }
}

/** Reads the cache. Storage may be missing, full or switched off: then nothing is cached, and nothing breaks. */
export function readCached(storage: Storage | null): CachedBySession {
  try {
    return parseCached(storage?.getItem(cacheKey) ?? null)
  } catch {
    return {}
  }
}

/** Adds to what is there, and drops the sessions that `stays` refuses. A lower version never replaces a higher. */
export function writeCached(
  storage: Storage | null,
  mine: CachedBySession,
  stays: (cached: CachedProgress) => boolean,
): void {
  try {
    const merged = mergeCached(readCached(storage), mine)
    const staying = Object.entries(merged).filter(([, cached]) => stays(cached))
    storage?.setItem(cacheKey, JSON.stringify(Object.fromEntries(staying)))
  } catch {
    // Nothing is cached then.
  }
}

export function clearCached(storage: Storage | null): void {
  try {
    storage?.removeItem(cacheKey)
  } catch {
    // There was nothing to clear.
  }
}

/** True for a session that finished within the last two minutes, or that somebody saw running within the last day. */
export function isWorthCaching({ progress, trueAt }: CachedProgress, now: number): boolean {
  const oldest = now - showFinishedMilliseconds
  if (isFinished(progress)) return Date.parse(progress.finishedAt ?? progress.updatedAt) > oldest
  return trueAt > oldest - dayMilliseconds
}

/** Returns a function that runs `write` at once, and again a second later where it was called in between. */
export function writeSeldom(write: () => void, { setTimer }: Pick<LiveEnvironment, 'setTimer'>): () => void {
  let isWaiting = false
  let isDue = false
  return function writeSoon() {
    isDue = isWaiting
    if (isWaiting) return
    isWaiting = true
    write()
    setTimer(() => {
      isWaiting = false
      if (isDue) writeSoon()
    }, writeEveryMilliseconds)
  }
}
