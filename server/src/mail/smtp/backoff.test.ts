import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createBackoff } from './backoff.ts'

describe('the wait after a failure', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  /** Fails as often as asked, each time as soon as the wait before is over, and resolves to the times between the failures. */
  async function waits(failures: number, now: () => number): Promise<number[]> {
    const backoff = createBackoff(now)
    const times: number[] = []
    const failing = (async () => {
      while (times.length < failures) {
        await backoff.wait()
        times.push(now())
        backoff.failed()
      }
    })()
    await vi.advanceTimersByTimeAsync(60_000)
    await failing
    return times.slice(1).map((time, index) => time - (times[index] ?? 0))
  }

  it('the wait after a failure doubles from 50 ms to 5 s', async () => {
    const lengths = await waits(10, () => performance.now())
    expect(lengths).toEqual([50, 100, 200, 400, 800, 1600, 3200, 5000, 5000])
  })

  it('a timer that fires early does not shorten the wait after a failure, so that no failure goes uncounted', async () => {
    const start = performance.now()
    const slower = () => start + (performance.now() - start) * 0.97
    const lengths = await waits(5, slower)
    expect(lengths.map((length) => Math.round(length / 50))).toEqual([1, 2, 4, 8])
    expect(Math.min(...lengths)).toBeGreaterThanOrEqual(50)
  })

  it('the wait after a failure ends at once for everybody when the server accepts a mail', async () => {
    const backoff = createBackoff(() => performance.now())
    backoff.failed()
    const waiting = Promise.all([backoff.wait(), backoff.wait()])
    backoff.reset()
    await waiting
    expect(vi.getTimerCount()).toBe(0)
  })
})
