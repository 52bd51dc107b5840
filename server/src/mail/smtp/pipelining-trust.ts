/**
 * How an attempt at pipelining ended: with replies to the envelope; with replies that were late or belong to something else;
 * with the loss of the connection before any reply; or with the end of the connection by the mail before it, which says nothing.
 */
export type PipeliningResult = 'answered' | 'failed' | 'connection lost' | 'abandoned'

/** A server that lost a pipelined envelope is not sent another one before this time has passed. */
const millisecondsWithoutPipelining = 10 * 60_000

/**
 * Whether the server is trusted to read what comes behind a mail. A server that loses it although it offers PIPELINING, which
 * RFC 2920 section 3.2 forbids, keeps one connection waiting and not all, because the first attempt is made alone.
 */
export interface PipeliningTrust {
  isGiven(): boolean
  begun(): void
  ended(result: PipeliningResult): void
}

/** Creates the trust in a server that nothing is known of. `now` gives milliseconds of a clock that only goes forward. */
export function createPipeliningTrust(now: () => number): PipeliningTrust {
  let isProven = false
  let isBeingTried = false
  let tryFrom = Number.NEGATIVE_INFINITY

  return {
    isGiven: () => now() >= tryFrom && (isProven || !isBeingTried),
    begun() {
      isBeingTried = true
    },
    ended(result) {
      isBeingTried = false
      // Connections end now and then; but a server that ends each one with a pipelined envelope has never answered one.
      if (result === 'failed' || (result === 'connection lost' && !isProven)) {
        isProven = false
        tryFrom = now() + millisecondsWithoutPipelining
      } else if (result === 'answered' && now() >= tryFrom) isProven = true
    },
  }
}
