import { expect, test } from 'vitest'
import { backOffDelay } from './back-off.ts'

test('The first attempt comes within a second, at random', () => {
  expect(backOffDelay(0, 0)).toBe(0)
  expect(backOffDelay(0, 0.999)).toBeLessThan(1000)
})

test('Later waits double, half of each fixed and half random', () => {
  expect([1, 2, 3, 4].map((attempt) => backOffDelay(attempt, 0))).toEqual([1000, 2000, 4000, 8000])
  expect([1, 2, 3, 4].map((attempt) => backOffDelay(attempt, 1))).toEqual([2000, 4000, 8000, 16_000])
})

test('No wait is longer than 20 seconds, however many attempts have failed', () => {
  expect(backOffDelay(5, 1)).toBe(20_000)
  expect(backOffDelay(500, 1)).toBe(20_000)
  expect(backOffDelay(500, 0)).toBe(10_000)
})
