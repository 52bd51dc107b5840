import type { Progress } from '@rollcall/shared'

/** Gives what is stored of a session at some moment after the call; undefined where there is no such session. */
export type ReadProgress = (sessionId: string) => Promise<Progress | undefined>

type Found = Promise<Map<string, Progress>>

/**
 * One reading at a time: whoever asks while one is under way shares the next with all others who do, so that thousands
 * who come back together after a restart cost some readings and not thousands.
 */
export function shareReadings(read: (sessionIds: string[]) => Promise<Progress[]>): ReadProgress {
  let underWay: Promise<void> | null = null
  let next: { asked: Set<string>; found: Found } | null = null

  function begin(asked: Set<string>): Found {
    const found = read([...asked]).then(
      (progresses) => new Map(progresses.map((progress) => [progress.sessionId, progress])),
    )
    const over = () => {
      underWay = null
    }
    underWay = found.then(over, over)
    return found
  }

  function beginAfter(before: Promise<void>) {
    const asked = new Set<string>()
    const found = before.then(() => {
      next = null
      return begin(asked)
    })
    return { asked, found }
  }

  return async (sessionId) => {
    if (underWay === null) return (await begin(new Set([sessionId]))).get(sessionId)
    next ??= beginAfter(underWay)
    next.asked.add(sessionId)
    return (await next.found).get(sessionId)
  }
}
