import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createAlarm } from './deadline-timer.ts'

const goOff = vi.fn<() => void>()
const alarm = () => createAlarm(() => Date.now(), goOff)

beforeEach(() => {
  goOff.mockClear()
  // Immediates stay real: what is due now must need no timer.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
})
afterEach(() => {
  vi.useRealTimers()
})

it('goes off without a timer where the time has come', async () => {
  const once = alarm()
  once.set(Date.now())
  once.set(Date.now() - 1)
  expect(goOff).not.toHaveBeenCalled()
  await turn()
  expect(goOff).toHaveBeenCalledOnce()
})

it('goes off once, at the earliest time that it was set to, and again when it is set again', () => {
  const start = Date.now()
  const earliest = alarm()
  for (const time of [30, 10, 20]) earliest.set(start + time)
  vi.advanceTimersByTime(9)
  expect(goOff).not.toHaveBeenCalled()
  vi.advanceTimersByTime(100)
  expect(goOff).toHaveBeenCalledOnce()
  earliest.set(start + 200)
  vi.advanceTimersByTime(100)
  expect(goOff).toHaveBeenCalledTimes(2)
})

it('does not go off when it was stopped, whoever sets it', async () => {
  const stopped = alarm()
  stopped.set(Date.now())
  stopped.stop()
  stopped.set(Date.now())
  await turn()
  vi.advanceTimersByTime(100)
  expect(goOff).not.toHaveBeenCalled()
})
