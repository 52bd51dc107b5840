import type { IncomingHttpHeaders } from 'node:http'
import type { Identify } from '../http/roles.ts'

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

/** Asks every so many milliseconds who is still signed in; once for each sign-in, however many connections it has. */
export function watchSignIns(options: { identify: Identify; every: number }): SignInWatch {
  const watched = new Set<Watched>()
  let closed = false
  let timer = setTimeout(check, options.every)

  function check(): void {
    void endSignedOut().finally(() => {
      if (!closed) timer = setTimeout(check, options.every)
    })
  }

  async function endSignedOut(): Promise<void> {
    for (const group of Map.groupBy(watched, signInOf).values()) {
      // While the database is away nobody is known to have gone.
      const staff = await options.identify(group[0]!.headers).catch(() => undefined)
      if (staff === null) for (const each of group) if (watched.delete(each)) each.onEnd()
    }
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
