import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createPause } from './concurrency-limit.ts'

describe('the pause after a failure', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  /** Fails so many times, each as soon as the pause before is over, and gives the times between the failures. */
  async function breaths(failures: number, now: () => number): Promise<number[]> {
    const pause = createPause(now)
    const times: number[] = []
    const failing = (async () => {
      while (times.length < failures) {
        await pause.over()
        times.push(now())
        pause.longer()
      }
    })()
    await vi.advanceTimersByTimeAsync(60_000)
    await failing
    return times.slice(1).map((time, index) => time - (times[index] ?? 0))
  }

  it('doubles from 50 ms to 5 s', async () => {
    const lengths = await breaths(10, () => performance.now())
    expect(lengths).toEqual([50, 100, 200, 400, 800, 1600, 3200, 5000, 5000])
  })

  it('is never cut short by a timer that is early, so that no failure goes uncounted', async () => {
    const start = performance.now()
    const slower = () => start + (performance.now() - start) * 0.97
    const lengths = await breaths(5, slower)
    expect(lengths.map((length) => Math.round(length / 50))).toEqual([1, 2, 4, 8])
    expect(Math.min(...lengths)).toBeGreaterThanOrEqual(50)
  })

  it('is over at once for everybody when the server takes a mail', async () => {
    const pause = createPause(() => performance.now())
    pause.longer()
    const waiting = Promise.all([pause.over(), pause.over()])
    pause.end()
    await waiting
    expect(vi.getTimerCount()).toBe(0)
  })
})
