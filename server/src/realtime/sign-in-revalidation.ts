import type { IncomingHttpHeaders } from 'node:http'
import type { Identify } from '../http/authorization.ts'

/** Watches over connections that outlive the request that opened them. */
export interface SignInWatch {
  /** Calls `onEnd` once the sign-in of these headers has ended; gives what ends the watching. */
  watch(headers: IncomingHttpHeaders, onEnd: () => void): () => void
  close(): void
}

interface Watched {
  headers: IncomingHttpHeaders
  onEnd: () => void
}

/** So many sign-ins are asked about in one question. */
const askedAtOnce = 1000

/**
 * Asks every so many milliseconds who is still signed in; once for each sign-in, however many connections it has.
 * `stillGood` sorts out those that are, thousands in a question; of the others `identify` decides.
 */
export function watchSignIns(options: {
  identify: Identify
  stillGood: (all: IncomingHttpHeaders[]) => Promise<boolean[]>
  every: number
}): SignInWatch {
  const watched = new Set<Watched>()
  let closed = false
  let timer = setTimeout(check, options.every)

  function check(): void {
    void endSignedOut().finally(() => {
      if (!closed) timer = setTimeout(check, options.every)
    })
  }

  async function endSignedOut(): Promise<void> {
    const groups = [...Map.groupBy(watched, signInOf).values()]
    for (let start = 0; start < groups.length; start += askedAtOnce) {
      const asked = groups.slice(start, start + askedAtOnce)
      // While the database is away nobody is known to have gone.
      const good = await options.stillGood(asked.map((group) => group[0]!.headers)).catch(() => undefined)
      for (const [index, group] of asked.entries()) if (good?.[index] === false) await endIfSignedOut(group)
    }
  }

  async function endIfSignedOut(group: Watched[]): Promise<void> {
    const staff = await options.identify(group[0]!.headers).catch(() => undefined)
    if (staff === null) for (const each of group) if (watched.delete(each)) each.onEnd()
  }

  return {
    watch(headers, onEnd) {
      const each = { headers, onEnd }
      watched.add(each)
      return () => watched.delete(each)
    },
    close() {
      closed = true
      clearTimeout(timer)
      watched.clear()
    },
  }
}

function signInOf({ headers }: Watched): string {
  return `${headers.cookie ?? ''}\n${String(headers['x-api-key'] ?? '')}`
}
