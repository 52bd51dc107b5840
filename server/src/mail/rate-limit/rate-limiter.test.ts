import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../../test/database/database.ts'
import { expectNeverAhead } from '../../../test/smtp/mail-rate.ts'
import { createRateLimiter, type Rates } from './rate-limiter.ts'

describe('the rate limiter of mails', () => {
  let test: TestDatabase
  let rates: Rates
  beforeAll(async () => {
    test = await createTestDatabase()
  })
  afterAll(() => test.close())
  beforeEach(async () => {
    await test.pool.query('DELETE FROM mail_lanes')
    rates = { mailsPerSecond: null, domainRates: [] }
  })

  const node = () => createRateLimiter({ database: test.database, readRates: async () => rates })

  /** Four loops a limiter acquire again and again until `mails` may leave; resolves to those times in milliseconds. */
  async function acquireAll(
    limiters: ReturnType<typeof node>[],
    addresses: () => string,
    mails: number,
  ): Promise<number[]> {
    const times: number[] = []
    let asked = 0
    const loops = limiters.flatMap((limiter) => [limiter, limiter, limiter, limiter])
    await Promise.all(
      loops.map(async (limiter) => {
        while (asked < mails) {
          asked += 1
          while (!(await limiter.acquire(addresses()))) await new Promise((resolve) => setTimeout(resolve, 5))
          times.push(performance.now())
        }
      }),
    )
    return times.toSorted((a, b) => a - b)
  }

  it('several nodes together keep the rate that is set', async () => {
    const perSecond = 40
    rates = { mailsPerSecond: perSecond, domainRates: [] }
    const since = performance.now()
    const times = await acquireAll([node(), node(), node()], () => 'someone@a.example', 80)
    // If each node had a rate of its own, three nodes would send three times as many.
    expectNeverAhead(times, since, perSecond)
    expect(times.at(-1)! - times[0]!).toBeGreaterThan(1500)
  })

  it('mails to other domains go first when the limit of one domain is used up', async () => {
    rates = { mailsPerSecond: null, domainRates: [{ domain: 'slow.example', mailsPerSecond: 1 }] }
    const limiter = node()
    expect(await limiter.acquire('one@slow.example')).toBe(true)
    const [second, third, other] = await Promise.all([
      limiter.acquire('two@Slow.example'),
      limiter.acquire('three@slow.example'),
      limiter.acquire('one@fast.example'),
    ])
    expect([second, third].filter(Boolean).length).toBeLessThanOrEqual(1)
    expect(other).toBe(true)
  })

  it('a rate that is changed applies to a limiter that is in use', async () => {
    rates = { mailsPerSecond: 1, domainRates: [] }
    const limiter = node()
    expect(await limiter.acquire('a@a.example')).toBe(true)
    rates = { mailsPerSecond: null, domainRates: [] }
    await expect
      .poll(
        async () =>
          (await Promise.all(Array.from({ length: 50 }, async () => limiter.acquire('a@a.example')))).every(Boolean),
        { timeout: 5000 },
      )
      .toBe(true)
  })

  it('where no rate is set, the limiter neither waits nor asks the database for send times', async () => {
    const limiter = node()
    const begun = performance.now()
    await Promise.all(Array.from({ length: 1000 }, async () => limiter.acquire('a@a.example')))
    const { rows } = await test.pool.query('SELECT * FROM mail_lanes')
    expect(rows).toEqual([])
    expect(performance.now() - begun).toBeLessThan(5000)
  })
})
