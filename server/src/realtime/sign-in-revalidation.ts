import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyBaseLogger } from 'fastify'
import type { Identify } from '../http/authorization.ts'
import { periodicTask } from '../util/periodic-task.ts'

/** Ends connections whose sign-in has ended, because they outlive the request that was checked when they were opened. */
export interface SignInRevalidation {
  /** Calls `onEnd` once the sign-in of these headers has ended. Returns the function that stops watching it. */
  watch(headers: IncomingHttpHeaders, onEnd: () => void): () => void
  /** Watches nothing any more. */
  close(): void
}

interface Watched {
  headers: IncomingHttpHeaders
  onEnd: () => void
}

/** So many sign-ins are checked with one query. */
const largestQuery = 1000

/**
 * Checks every so many milliseconds which sign-ins are still valid, each once, however many connections have it. `areValid`
 * checks many with one query; those that it finds invalid are decided one by one by `identify`. While the database is away
 * no sign-in counts as ended.
 */
export function revalidateSignIns(options: {
  identify: Identify
  areValid: (all: IncomingHttpHeaders[]) => Promise<boolean[]>
  /** How many milliseconds lie between two checks. */
  every: number
  logger: Pick<FastifyBaseLogger, 'warn'>
}): SignInRevalidation {
  const { identify, areValid, every, logger } = options
  const watched = new Set<Watched>()
  const checks = periodicTask({ name: 'checking sign-ins', interval: every, logger }, async () => {
    const groups = [...Map.groupBy(watched, signInOf).values()]
    for (let start = 0; start < groups.length; start += largestQuery) {
      const checked = groups.slice(start, start + largestQuery)
      const valid = await areValid(checked.map((group) => group[0]!.headers)).catch(() => undefined)
      for (const [index, group] of checked.entries()) if (valid?.[index] === false) await endIfSignedOut(group)
    }
  })

  async function endIfSignedOut(group: Watched[]): Promise<void> {
    const staff = await identify(group[0]!.headers).catch(() => undefined)
    if (staff === null) for (const each of group) if (watched.delete(each)) each.onEnd()
  }

  return {
    watch(headers, onEnd) {
      const each = { headers, onEnd }
      watched.add(each)
      return () => watched.delete(each)
    },
    close() {
      void checks.close()
      watched.clear()
    },
  }
}

function signInOf({ headers }: Watched): string {
  return `${headers.cookie ?? ''}\n${String(headers['x-api-key'] ?? '')}`
}
