import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { periodicTask } from './periodic-task.ts'

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => vi.useRealTimers())

const warn = vi.fn<(...line: unknown[]) => void>()
const logger = { warn }
const options = { name: 'the work', firstDelay: 10, interval: 100, logger }

/** Creates a run that ends when the test calls `end`. */
function controlledRun() {
  const ends: (() => void)[] = []
  const run = vi.fn<(signal: AbortSignal) => Promise<void>>(() => new Promise((resolve) => ends.push(resolve)))
  return { run, end: () => ends.shift()?.() }
}

/** Waits until everything that waits only for promises has gone on. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

describe('periodicTask', () => {
  it('A periodic task runs first after its first delay and then once every interval', async () => {
    const run = vi.fn<() => Promise<void>>(async () => undefined)
    const task = periodicTask(options, run)
    await vi.advanceTimersByTimeAsync(9)
    expect(run).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(1)
    expect(run).toHaveBeenCalledTimes(1)
    await vi.advanceTimersByTimeAsync(300)
    expect(run).toHaveBeenCalledTimes(4)
    await task.close()
  })

  it('A periodic task waits one interval before the first run when no first delay is given', async () => {
    const run = vi.fn<() => Promise<void>>(async () => undefined)
    const task = periodicTask({ name: 'the work', interval: 100, logger }, run)
    await vi.advanceTimersByTimeAsync(99)
    expect(run).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(1)
    expect(run).toHaveBeenCalledTimes(1)
    await task.close()
  })

  it('A periodic task never runs twice at once and counts the interval from the end of a run', async () => {
    const { run, end } = controlledRun()
    const task = periodicTask(options, run)
    await vi.advanceTimersByTimeAsync(1000)
    expect(run).toHaveBeenCalledTimes(1)
    end()
    await vi.advanceTimersByTimeAsync(99)
    expect(run).toHaveBeenCalledTimes(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(run).toHaveBeenCalledTimes(2)
    end()
    await task.close()
  })

  it('A periodic task keeps a steady rhythm when the interval is counted from the start of a run', async () => {
    const { run, end } = controlledRun()
    const task = periodicTask({ ...options, intervalFrom: 'start' }, run)
    await vi.advanceTimersByTimeAsync(10 + 30)
    end()
    await vi.advanceTimersByTimeAsync(69)
    expect(run).toHaveBeenCalledTimes(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(run).toHaveBeenCalledTimes(2)
    await vi.advanceTimersByTimeAsync(250)
    end()
    await vi.advanceTimersByTimeAsync(0)
    expect(run).toHaveBeenCalledTimes(3)
    end()
    await task.close()
  })

  it('A periodic task asks for its interval after every run when the interval is a function', async () => {
    const run = vi.fn<() => Promise<void>>(async () => undefined)
    const intervals = [50, 200]
    const task = periodicTask({ ...options, interval: () => intervals.shift() ?? 1000 }, run)
    await vi.advanceTimersByTimeAsync(10 + 50)
    expect(run).toHaveBeenCalledTimes(2)
    await vi.advanceTimersByTimeAsync(199)
    expect(run).toHaveBeenCalledTimes(2)
    await vi.advanceTimersByTimeAsync(1)
    expect(run).toHaveBeenCalledTimes(3)
    await task.close()
  })

  it('A periodic task logs a run that fails and runs again at the usual time', async () => {
    warn.mockClear()
    const failure = new Error('on purpose')
    const run = vi.fn<() => Promise<void>>().mockRejectedValueOnce(failure).mockResolvedValue(undefined)
    const task = periodicTask(options, run)
    await vi.advanceTimersByTimeAsync(10)
    expect(warn).toHaveBeenCalledExactlyOnceWith({ err: failure }, 'the work failed and is tried again')
    await vi.advanceTimersByTimeAsync(100)
    expect(run).toHaveBeenCalledTimes(2)
    await task.close()
  })

  it('A periodic task logs a run that throws before it returns a promise', async () => {
    warn.mockClear()
    const task = periodicTask(options, () => {
      throw new Error('on purpose')
    })
    await vi.advanceTimersByTimeAsync(10)
    expect(warn).toHaveBeenCalledTimes(1)
    await task.close()
  })

  it('A periodic task that is triggered runs at once and counts the interval anew', async () => {
    const run = vi.fn<() => Promise<void>>(async () => undefined)
    const task = periodicTask(options, run)
    await vi.advanceTimersByTimeAsync(10 + 60)
    task.trigger()
    await vi.advanceTimersByTimeAsync(0)
    expect(run).toHaveBeenCalledTimes(2)
    await vi.advanceTimersByTimeAsync(99)
    expect(run).toHaveBeenCalledTimes(2)
    await vi.advanceTimersByTimeAsync(1)
    expect(run).toHaveBeenCalledTimes(3)
    await task.close()
  })

  it('A periodic task that is triggered during a run runs once more right after it, however often it is triggered', async () => {
    const { run, end } = controlledRun()
    const task = periodicTask(options, run)
    await vi.advanceTimersByTimeAsync(10)
    task.trigger()
    task.trigger()
    expect(run).toHaveBeenCalledTimes(1)
    end()
    await vi.advanceTimersByTimeAsync(0)
    expect(run).toHaveBeenCalledTimes(2)
    end()
    await vi.advanceTimersByTimeAsync(99)
    expect(run).toHaveBeenCalledTimes(2)
    await task.close()
  })

  it('A periodic task that is closed aborts the run under way, waits for its end, and does not run again', async () => {
    const { run, end } = controlledRun()
    const task = periodicTask(options, run)
    await vi.advanceTimersByTimeAsync(10)
    let isClosed = false
    const closed = task.close().then(() => (isClosed = true))
    await settle()
    expect(run.mock.calls[0]?.[0].aborted).toBe(true)
    expect(isClosed).toBe(false)
    end()
    await closed
    task.trigger()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(run).toHaveBeenCalledTimes(1)
  })

  it('A periodic task does not log a failure of a run that was aborted', async () => {
    warn.mockClear()
    const task = periodicTask(options, (signal) => {
      const aborted = Promise.withResolvers<void>()
      signal.addEventListener('abort', () => aborted.reject(new Error('aborted')))
      return aborted.promise
    })
    await vi.advanceTimersByTimeAsync(10)
    await task.close()
    expect(warn).not.toHaveBeenCalled()
  })

  it('A periodic task that is closed before its first run never runs', async () => {
    const run = vi.fn<() => Promise<void>>()
    await periodicTask(options, run).close()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(run).not.toHaveBeenCalled()
  })
})
