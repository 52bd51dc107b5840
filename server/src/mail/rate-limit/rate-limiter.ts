import { setTimeout as wait } from 'node:timers/promises'
import type { Database } from '../../db/database.ts'
import { reserveSendTimes } from './rate-limiter.queries.ts'

/** How fast mails may leave; null means as fast as they can. */
export interface Rates {
  mailsPerSecond: number | null
  domainRates: { domain: string; mailsPerSecond: number }[]
}

/** Keeps the mails of all nodes together within the rates that are set. */
export interface RateLimiter {
  /**
   * Waits, for at most about a second, until a mail to this address may leave, and resolves to true. Resolves to false when a
   * limit is used up for longer than that: the caller lets other mails go first and tries this one again later.
   */
  acquire(address: string): Promise<boolean>
}

const wholeServer = 'server'
/** Changed rates apply to running sessions after this many milliseconds at the latest. */
const ratesLive = 1000

interface Bucket {
  /** The send times that are reserved and not used yet, on the clock of this process. */
  times: number[]
  /** The database is not asked before this time, because the next second was already reserved as a whole. */
  fullUntil: number
  reserving: Promise<void> | null
  waiting: number
}

/** Creates a rate limiter that reserves send times in the database, at most a second of them at once. */
export function createRateLimiter(options: {
  database: Database
  readRates: () => Promise<Rates>
  clock?: () => number
}): RateLimiter {
  const clock = options.clock ?? (() => performance.now())
  const buckets = new Map<string, Bucket>()
  let rates: { value: Promise<Rates>; until: number } | null = null

  function currentRates(): Promise<Rates> {
    if (rates === null || clock() > rates.until) rates = { value: options.readRates(), until: clock() + ratesLive }
    return rates.value
  }

  /** Resolves to the bucket's next send time on the clock of this process, or to null when there is none within a second. */
  async function nextTimeIn(name: string, perSecond: number): Promise<number | null> {
    const bucket = buckets.get(name) ?? { times: [], fullUntil: 0, reserving: null, waiting: 0 }
    buckets.set(name, bucket)
    bucket.waiting += 1
    try {
      // A time that nobody used within its second is lost; times that were saved up would let too many mails go at once.
      bucket.times = bucket.times.filter((time) => time > clock() - 1000)
      while (bucket.times.length === 0) {
        if (clock() < bucket.fullUntil) return null
        bucket.reserving ??= reserve(bucket, name, perSecond).finally(() => (bucket.reserving = null))
        await bucket.reserving
      }
      return bucket.times.shift() ?? null
    } finally {
      bucket.waiting -= 1
    }
  }

  async function reserve(bucket: Bucket, name: string, perSecond: number): Promise<void> {
    const asked = clock()
    const { first, interval, count } = await reserveSendTimes(options.database, {
      bucket: name,
      perSecond,
      wanted: bucket.waiting,
    })
    // The times are counted from after the database's answer, so that none of them is early.
    const now = clock()
    for (let each = 0; each < count; each += 1) bucket.times.push(now + first + each * interval)
    if (count === 0) bucket.fullUntil = asked + Math.min(1000, interval)
  }

  return {
    async acquire(address) {
      const { mailsPerSecond, domainRates } = await currentRates()
      const domain = address.slice(address.lastIndexOf('@') + 1).toLowerCase()
      const ofDomain = domainRates.find((each) => each.domain === domain)
      const timeInDomain = ofDomain === undefined ? 0 : await nextTimeIn(`domain ${domain}`, ofDomain.mailsPerSecond)
      if (timeInDomain === null) return false
      const timeInServer = mailsPerSecond === null ? 0 : await nextTimeIn(wholeServer, mailsPerSecond)
      if (timeInServer === null) return false
      const delay = Math.max(timeInDomain, timeInServer) - clock()
      if (delay > 0) await wait(delay)
      return true
    },
  }
}
