import type { FastifyReply, FastifyRequest, preHandlerAsyncHookHandler } from 'fastify'
import { DomainError } from '../errors.ts'
import { requireRole } from '../http/authorization.ts'

/** So many at once, and then so many a second. */
export interface Rate {
  atOnce: number
  aSecond: number
}

/** How often live connections may be opened. */
export interface OpeningRates {
  /** By one person in browsers, and apart from that by the same person's programs. */
  person: Rate
  /** From one address, by whoever is not signed in. */
  stranger: Rate
}

/**
 * An opening costs about a millisecond of a processor, so a person who does nothing else takes half a percent of one.
 * A hundred tabs that lose their server three times in a row are opened again without a refusal, and forty tabs on
 * server-sent events with three quiet sessions each, which ask anew every 28 s, never come to the limit. An office
 * behind one address is not one person, so an address counts only those who are refused anyway: three hundred people
 * with three tabs each may find themselves signed out in the same moment.
 */
export const openingRates: OpeningRates = {
  person: { atOnce: 300, aSecond: 5 },
  stranger: { atOnce: 1000, aSecond: 10 },
}

/** Lets nobody open live connections without end. */
export interface Openings {
  /**
   * The guard of a live route, before anything is allocated: 401 without a sign-in, 403 with a role that is not enough,
   * 429 with `Retry-After` for whoever opens too often.
   */
  guard: preHandlerAsyncHookHandler
}

/** Counts in this process: what is protected is this process. `clock` gives milliseconds. */
export function createOpenings(rates: OpeningRates, clock: () => number = () => performance.now()): Openings {
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
      refuseWhenTooMany(people.take(`${request.staff.id} ${wayIn(request)}`), reply)
    },
  }
}

function wayIn(request: FastifyRequest): 'key' | 'cookie' {
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

/** More names than this are looked through for those that need not be remembered any more. */
const namesAtMost = 10_000

/** Buckets by name: each holds `atOnce` and is filled again by `aSecond`. */
function createBuckets({ atOnce, aSecond }: Rate, clock: () => number) {
  const interval = 1000 / aSecond
  /** When a bucket will be full again. */
  const fullAt = new Map<string, number>()
  let forgetAbove = namesAtMost

  function forgetFull(now: number): void {
    for (const [name, at] of fullAt) if (at <= now) fullAt.delete(name)
    forgetAbove = Math.max(namesAtMost, fullAt.size * 2)
  }

  return {
    /** Takes one from a bucket and gives 0; or takes none and gives the milliseconds until there is one. */
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
