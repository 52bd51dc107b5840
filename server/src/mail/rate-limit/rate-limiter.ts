import { setTimeout as wait } from 'node:timers/promises'
import type { Database } from '../../db/database.ts'
import { leasePlaces } from './rate-limiter.queries.ts'

/** How fast mails may leave; null: as fast as they can. */
export interface Rates {
  mailsPerSecond: number | null
  domainRates: { domain: string; mailsPerSecond: number }[]
}

/** Lets mails pass one by one, at the rates that are set, over all nodes together. */
export interface Pace {
  /**
   * Waits for this mail's turn, at most about a second, and gives true. False when its lane is full for longer: then the
   * mail is to come again later, and others may go first.
   */
  turnFor(address: string): boolean | Promise<boolean>
}

const wholeServer = 'server'
/** Changed rates apply to running sessions after this long at the latest. */
const ratesLive = 1000

interface Lane {
  /** When the leased places are, by the clock of this process. */
  places: number[]
  /** No place is asked for before this: the second was full. */
  fullUntil: number
  leasing: Promise<void> | null
  waiting: number
}

/** A pace that leases places from the database, at most a second of them at once. */
export function createPace(options: {
  database: Database
  readRates: () => Promise<Rates>
  clock?: () => number
}): Pace {
  const clock = options.clock ?? (() => performance.now())
  const lanes = new Map<string, Lane>()
  let rates: { value: Promise<Rates>; until: number; unlimited: boolean } | null = null

  function currentRates(): Promise<Rates> {
    if (rates !== null && clock() <= rates.until) return rates.value
    const read = { value: options.readRates(), until: clock() + ratesLive, unlimited: false }
    rates = read
    read.value.then(
      ({ mailsPerSecond, domainRates }) => (read.unlimited = mailsPerSecond === null && domainRates.length === 0),
      // Whoever waits for the rates is told.
      () => undefined,
    )
    return read.value
  }

  /** The next place in a lane as a time of this process, or null when there is none within a second. */
  async function placeIn(name: string, perSecond: number): Promise<number | null> {
    const lane = lanes.get(name) ?? { places: [], fullUntil: 0, leasing: null, waiting: 0 }
    lanes.set(name, lane)
    lane.waiting += 1
    try {
      // A place that nobody took in its second is lost; places saved up would let too many go at once.
      lane.places = lane.places.filter((place) => place > clock() - 1000)
      while (lane.places.length === 0) {
        if (clock() < lane.fullUntil) return null
        lane.leasing ??= lease(lane, name, perSecond).finally(() => (lane.leasing = null))
        await lane.leasing
      }
      return lane.places.shift() ?? null
    } finally {
      lane.waiting -= 1
    }
  }

  async function lease(lane: Lane, name: string, perSecond: number): Promise<void> {
    const asked = clock()
    const { first, apart, places } = await leasePlaces(options.database, {
      lane: name,
      perSecond,
      wanted: lane.waiting,
    })
    // Counted from after the answer, so that a place is never early.
    const now = clock()
    for (let each = 0; each < places; each += 1) lane.places.push(now + first + each * apart)
    if (places === 0) lane.fullUntil = asked + Math.min(1000, apart)
  }

  async function turnAtRates(address: string): Promise<boolean> {
    const { mailsPerSecond, domainRates } = await currentRates()
    const domain = address.slice(address.lastIndexOf('@') + 1).toLowerCase()
    const ofDomain = domainRates.find((each) => each.domain === domain)
    const inDomain = ofDomain === undefined ? 0 : await placeIn(`domain ${domain}`, ofDomain.mailsPerSecond)
    if (inDomain === null) return false
    const inServer = mailsPerSecond === null ? 0 : await placeIn(wholeServer, mailsPerSecond)
    if (inServer === null) return false
    const delay = Math.max(inDomain, inServer) - clock()
    if (delay > 0) await wait(delay)
    return true
  }

  return {
    turnFor(address) {
      // Most of the time nothing is set, and then nothing is waited for.
      return rates?.unlimited === true && clock() <= rates.until ? true : turnAtRates(address)
    },
  }
}
