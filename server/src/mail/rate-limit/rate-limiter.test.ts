import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../../test/database/database.ts'
import { expectNeverAhead } from '../../../test/smtp/mail-rate.ts'
import { createPace, type Rates } from './rate-limiter.ts'

describe('the pace of mails', () => {
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

  const node = () => createPace({ database: test.database, readRates: async () => rates })

  /** Asks for turns over and over on so many lanes until `mails` got theirs; gives their times in milliseconds. */
  async function passes(paces: ReturnType<typeof node>[], addresses: () => string, mails: number): Promise<number[]> {
    const times: number[] = []
    let asked = 0
    const lanes = paces.flatMap((pace) => [pace, pace, pace, pace])
    await Promise.all(
      lanes.map(async (pace) => {
        while (asked < mails) {
          asked += 1
          while (!(await pace.turnFor(addresses()))) await new Promise((resolve) => setTimeout(resolve, 5))
          times.push(performance.now())
        }
      }),
    )
    return times.toSorted((a, b) => a - b)
  }

  it('is kept over several nodes together', async () => {
    const perSecond = 40
    rates = { mailsPerSecond: perSecond, domainRates: [] }
    const since = performance.now()
    const times = await passes([node(), node(), node()], () => 'someone@a.example', 80)
    // A node with a rate of its own would make it three times as many.
    expectNeverAhead(times, since, perSecond)
    expect(times.at(-1)! - times[0]!).toBeGreaterThan(1500)
  })

  it('lets others go first when one domain is full', async () => {
    rates = { mailsPerSecond: null, domainRates: [{ domain: 'slow.example', mailsPerSecond: 1 }] }
    const pace = node()
    expect(await pace.turnFor('one@slow.example')).toBe(true)
    const [second, third, other] = await Promise.all([
      pace.turnFor('two@Slow.example'),
      pace.turnFor('three@slow.example'),
      pace.turnFor('one@fast.example'),
    ])
    expect([second, third].filter(Boolean).length).toBeLessThanOrEqual(1)
    expect(other).toBe(true)
  })

  it('follows a changed rate while it is used', async () => {
    rates = { mailsPerSecond: 1, domainRates: [] }
    const pace = node()
    expect(await pace.turnFor('a@a.example')).toBe(true)
    rates = { mailsPerSecond: null, domainRates: [] }
    await expect
      .poll(
        async () =>
          (await Promise.all(Array.from({ length: 50 }, async () => pace.turnFor('a@a.example')))).every(Boolean),
        { timeout: 5000 },
      )
      .toBe(true)
  })

  it('does not wait where no rate is set', async () => {
    const pace = node()
    const begun = performance.now()
    await Promise.all(Array.from({ length: 1000 }, async () => pace.turnFor('a@a.example')))
    const { rows } = await test.pool.query('SELECT * FROM mail_lanes')
    expect(rows).toEqual([])
    expect(performance.now() - begun).toBeLessThan(5000)
  })
})
