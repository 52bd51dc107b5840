import type { Progress } from '@rollcall/shared'
import { newer } from './newer.ts'

/** A progress as a browser keeps it, and when it was last known to be true. */
export interface Kept {
  progress: Progress
  trueAt: number
}
export type KeptBySession = Record<string, Kept>

export const keptKey = 'rollcall.progress'

/** Two sets of kept progress as one; of each session the higher version. */
export function mergeKept(one: KeptBySession, other: KeptBySession): KeptBySession {
  const merged = { ...one }
  for (const [sessionId, kept] of Object.entries(other)) {
    const known = merged[sessionId]
    const sameButLater = known?.progress.version === kept.progress.version && kept.trueAt > known.trueAt
    if (newer(known?.progress, kept.progress) || sameButLater) merged[sessionId] = kept
  }
  return merged
}

/** What a string from the browser's storage says; nothing where it cannot be read. */
export function parseKept(text: string | null): KeptBySession {
  try {
    const value: unknown = JSON.parse(text ?? '{}')
    if (typeof value !== 'object' || value === null) return {}
    const entries = Object.entries(value as KeptBySession)
    return Object.fromEntries(entries.filter(([, kept]) => Number.isInteger(kept?.progress?.version)))
  } catch {
    return {}
  }
}

/** Storage that may be missing, full or switched off: then nothing is kept, and nothing breaks. */
export function readKept(storage: Storage | null): KeptBySession {
  try {
    return parseKept(storage?.getItem(keptKey) ?? null)
  } catch {
    return {}
  }
}

/** Adds to what is there, and forgets the sessions that `stays` does not name. A lower version never replaces a higher. */
export function writeKept(storage: Storage | null, mine: KeptBySession, stays: (kept: Kept) => boolean): void {
  try {
    const merged = mergeKept(readKept(storage), mine)
    const staying = Object.entries(merged).filter(([, kept]) => stays(kept))
    storage?.setItem(keptKey, JSON.stringify(Object.fromEntries(staying)))
  } catch {
    // Nothing is kept then.
  }
}

export function forgetKept(storage: Storage | null): void {
  try {
    storage?.removeItem(keptKey)
  } catch {
    // There was nothing to forget.
  }
}
