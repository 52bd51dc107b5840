import type { Progress } from '@rollcall/shared'

/** Reads a session's progress as it is stored at some moment after the call; undefined where there is no such session. */
export type ReadProgress = (sessionId: string) => Promise<Progress | undefined>

type Found = Promise<Map<string, Progress>>

/**
 * Lets one read run at a time. All callers that come while it runs share the next one, which begins after they asked; so
 * thousands of clients that reconnect together after a restart cost some reads and not thousands. A read that fails
 * rejects for everybody who shares it.
 */
export function coalesceReads(read: (sessionIds: string[]) => Promise<Progress[]>): ReadProgress {
  let running: Promise<void> | null = null
  let next: { sessionIds: Set<string>; found: Found } | null = null

  function begin(sessionIds: Set<string>): Found {
    const found = read([...sessionIds]).then(
      (progresses) => new Map(progresses.map((progress) => [progress.sessionId, progress])),
    )
    const onEnd = () => {
      running = null
    }
    running = found.then(onEnd, onEnd)
    return found
  }

  function beginAfter(previous: Promise<void>) {
    const sessionIds = new Set<string>()
    const found = previous.then(() => {
      next = null
      return begin(sessionIds)
    })
    return { sessionIds, found }
  }

  return async (sessionId) => {
    if (running === null) return (await begin(new Set([sessionId]))).get(sessionId)
    next ??= beginAfter(running)
    next.sessionIds.add(sessionId)
    return (await next.found).get(sessionId)
  }
}
