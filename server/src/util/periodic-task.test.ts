import { pino } from 'pino'
import { describe, expect, it, vi } from 'vitest'
import { periodicTask } from './periodic-task.ts'

const options = { what: 'the work', first: 1, every: 1, logger: pino({ level: 'silent' }) }

describe('work that comes round', () => {
  it('comes again, also after a failure, and never twice at once', async () => {
    let [rounds, underWay] = [0, 0]
    const going = periodicTask(options, async () => {
      expect(++underWay).toBe(1)
      rounds++
      await new Promise((resolve) => setImmediate(resolve))
      underWay--
      if (rounds % 2 === 0) throw new Error('on purpose')
    })
    await vi.waitFor(() => expect(rounds).toBeGreaterThan(5), { timeout: 10_000 })
    await going.close()
  })

  it('is told to end when it is closed, which waits for that, and does not come again', async () => {
    const begun = Promise.withResolvers<void>()
    const said: string[] = []
    const going = periodicTask(options, async (signal) => {
      begun.resolve()
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
      await new Promise((resolve) => setImmediate(resolve))
      said.push('ended')
    })
    await begun.promise
    await going.close()
    expect(said).toEqual(['ended'])
  })

  it('does not begin when it is closed before its time', async () => {
    const round = vi.fn<() => Promise<void>>()
    await periodicTask({ ...options, first: 60_000 }, round).close()
    expect(round).not.toHaveBeenCalled()
  })
})
