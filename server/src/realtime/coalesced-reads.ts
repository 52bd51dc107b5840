import type { Progress } from '@rollcall/shared'
import { createBatcher } from '../util/batcher.ts'

/** Reads a session's progress as it is stored at some moment after the call; undefined where there is no such session. */
export type ReadProgress = (sessionId: string) => Promise<Progress | undefined>

/**
 * Lets one read run at a time. All callers that come while it runs share the next one, which begins after they asked; so
 * thousands of clients that reconnect together after a restart cost some reads and not thousands. A read that fails
 * rejects for everybody who shares it.
 */
export function coalesceReads(read: (sessionIds: string[]) => Promise<Progress[]>): ReadProgress {
  const reads = createBatcher<string, Progress | undefined>({
    async run(entries) {
      const progresses = await read([...new Set(entries.map(({ value }) => value))])
      const byId = new Map(progresses.map((progress) => [progress.sessionId, progress]))
      for (const entry of entries) entry.resolve(byId.get(entry.value))
    },
  })
  return (sessionId) => reads.add(sessionId)
}
