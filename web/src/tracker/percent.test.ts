import { isFinished } from '@rollcall/shared/statuses'
import { expect, test } from 'vitest'
import { exampleEnd, exampleProgress } from '../live/example-progress.ts'
import { accountsDone, hasBegun, mailsDone, percent, percentOfAll } from './percent.ts'

test('A percent is floored', () => {
  expect(percent(1, 3, false)).toBe(33)
  expect(percent(2, 3, false)).toBe(66)
  expect(percent(199, 200, false)).toBe(99)
  expect(percent(0, 50, false)).toBe(0)
})

test('100 is for completed sessions alone', () => {
  expect(percent(50, 50, false)).toBe(99)
  expect(percent(99_999, 100_000, false)).toBe(99)
  expect(percent(50, 50, true)).toBe(100)
})

test('What has its outcome counts, whatever the outcome', () => {
  expect(accountsDone(exampleProgress())).toBe(31)
  expect(mailsDone(exampleProgress())).toBe(12)
})

test('Several sessions count by their mails together, and are at 100 when all are completed', () => {
  const small = exampleProgress({ total: 10, mails: { ...exampleProgress().mails, pending: 10 } })
  expect(percentOfAll([])).toBeNull()
  expect(percentOfAll([exampleProgress(), small])).toBe(20)
  expect(percentOfAll([exampleEnd(), exampleProgress()])).toBe(62)
  expect(percentOfAll([exampleEnd()])).toBe(100)
})

test('A session has begun once anything of it has its outcome', () => {
  const { accounts, mails, total } = exampleProgress()
  const nothing = { accounts: { ...accounts, created: 0, existing: 0, pending: total } }
  const none = { ...mails, sent: 0, failed: 0, skipped: 0, pending: total }
  expect(hasBegun(exampleProgress({ ...nothing, mails: none }))).toBe(false)
  expect(hasBegun(exampleProgress({ ...nothing, mails: { ...none, skipped: 1, pending: total - 1 } }))).toBe(true)
  expect(hasBegun(exampleProgress({ mails: none }))).toBe(true)
  expect(hasBegun(exampleEnd())).toBe(true)
})

test('A cancelled session is finished, and at 100, only when nothing of it is pending', () => {
  const cancelled = exampleProgress({ status: 'cancelled', completed: true })
  expect(isFinished(cancelled)).toBe(false)
  expect(percentOfAll([cancelled])).toBe(24)
  expect(isFinished(exampleEnd({ status: 'cancelled' }))).toBe(true)
})
