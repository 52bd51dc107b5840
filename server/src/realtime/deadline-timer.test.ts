import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createDeadlineTimer } from './deadline-timer.ts'

const onDeadline = vi.fn<() => void>()
const openTimer = () => createDeadlineTimer(() => Date.now(), onDeadline)

beforeEach(() => {
  onDeadline.mockClear()
  // Immediates stay real, because a deadline that has come already must need no timer.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
})
afterEach(() => {
  vi.useRealTimers()
})

it('a deadline that has come already is reached without a timer', async () => {
  const timer = openTimer()
  timer.set(Date.now())
  timer.set(Date.now() - 1)
  expect(onDeadline).not.toHaveBeenCalled()
  await nextTurn()
  expect(onDeadline).toHaveBeenCalledOnce()
})

it('the deadline is the earliest time that was set, is reached once, and can be set again afterwards', () => {
  const start = Date.now()
  const timer = openTimer()
  for (const time of [30, 10, 20]) timer.set(start + time)
  vi.advanceTimersByTime(9)
  expect(onDeadline).not.toHaveBeenCalled()
  vi.advanceTimersByTime(100)
  expect(onDeadline).toHaveBeenCalledOnce()
  timer.set(start + 200)
  vi.advanceTimersByTime(100)
  expect(onDeadline).toHaveBeenCalledTimes(2)
})

it('a stopped timer reaches no deadline, neither the one that was set nor a later one', async () => {
  const timer = openTimer()
  timer.set(Date.now())
  timer.stop()
  timer.set(Date.now())
  await nextTurn()
  vi.advanceTimersByTime(100)
  expect(onDeadline).not.toHaveBeenCalled()
})
