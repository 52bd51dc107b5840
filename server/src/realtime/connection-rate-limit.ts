import type { FastifyReply, FastifyRequest, preHandlerAsyncHookHandler } from 'fastify'
import { DomainError } from '../errors.ts'
import { requireRole } from '../http/authorization.ts'

/** So many connections at once, and after that so many a second. */
export interface Rate {
  atOnce: number
  aSecond: number
}

/** How often live connections may be opened. */
export interface ConnectionRates {
  /** For each person's browsers, and apart from that for the same person's programs. */
  person: Rate
  /** For each address, of requests that are refused because they have no valid sign-in. */
  stranger: Rate
}

/**
 * To open a connection costs about a millisecond of a processor, so a person who does nothing else takes half a percent
 * of one. A hundred tabs that lose their server three times in a row connect again without a refusal, and forty tabs on
 * server-sent events with three quiet sessions each, which connect anew every 28 s, never reach the limit. Many people
 * can share one address, so only requests that are refused anyway count for an address: three hundred people with three
 * tabs each may find themselves signed out in the same moment.
 */
export const connectionRates: ConnectionRates = {
  person: { atOnce: 300, aSecond: 5 },
  stranger: { atOnce: 1000, aSecond: 10 },
}

/** Limits how often live connections are opened. */
export interface ConnectionRateLimit {
  /**
   * The `onRequest` hook of a live route, which runs before anything is allocated for the connection. It answers 401
   * without a sign-in, 403 to a role that is not enough, and 429 with `Retry-After` above the limit.
   */
  guard: preHandlerAsyncHookHandler
}

/**
 * Counts in this process only, because this process is what the limit protects. It counts by itself and not with
 * `@fastify/rate-limit`, whose window refuses for up to a minute what a bucket that refills lets in after a fifth of a
 * second. `clock` gives milliseconds.
 */
export function createConnectionRateLimit(
  rates: ConnectionRates,
  clock: () => number = () => performance.now(),
): ConnectionRateLimit {
  const people = createBuckets(rates.person, clock)
  const strangers = createBuckets(rates.stranger, clock)
  const requireSupport = requireRole('support')

  return {
    async guard(request, reply) {
      try {
        await requireSupport.call(this, request, reply)
      } catch (error) {
        if (error instanceof DomainError) refuseWhenTooMany(strangers.take(request.ip), reply)
        throw error
      }
      refuseWhenTooMany(people.take(`${request.staff.id} ${clientKind(request)}`), reply)
    },
  }
}

function clientKind(request: FastifyRequest): 'key' | 'cookie' {
  return request.headers['x-api-key'] === undefined ? 'cookie' : 'key'
}

function refuseWhenTooMany(wait: number, reply: FastifyReply): void {
  if (wait === 0) return
  const seconds = Math.ceil(wait / 1000)
  void reply.header('retry-after', String(seconds))
  throw new DomainError(
    'TOO_MANY_REQUESTS',
    `Live connections are opened too often; try again in ${seconds === 1 ? 'a second' : `${seconds} seconds`}.`,
  )
}

/** Above so many buckets the full ones are forgotten; a full bucket is like one that was never used. */
const bucketsAtMost = 10_000

/** Keeps token buckets by name: each holds `atOnce` tokens and is refilled with `aSecond` of them a second. */
function createBuckets({ atOnce, aSecond }: Rate, clock: () => number) {
  const interval = 1000 / aSecond
  /** When each bucket will be full again. */
  const fullAt = new Map<string, number>()
  let forgetAbove = bucketsAtMost

  function forgetFull(now: number): void {
    for (const [name, at] of fullAt) if (at <= now) fullAt.delete(name)
    forgetAbove = Math.max(bucketsAtMost, fullAt.size * 2)
  }

  return {
    /** Takes a token and returns 0; or, where there is none, returns the milliseconds until there is one. */
    take(name: string): number {
      const now = clock()
      const next = Math.max(now, fullAt.get(name) ?? 0) + interval
      const wait = next - now - atOnce * interval
      // Sums of milliseconds are not exact.
      if (wait > 0.001) return wait
      fullAt.set(name, next)
      if (fullAt.size > forgetAbove) forgetFull(now)
      return 0
    },
  }
}
