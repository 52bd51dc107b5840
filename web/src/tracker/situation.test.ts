import { expect, test } from 'vitest'
import { exampleEnd, exampleProgress } from '../live/example-progress.ts'
import { situationOf, waitsByOptions } from './situation.ts'

const createdAt = '2026-11-01T10:00:00.000Z'
const now = Date.parse(createdAt)
const untouched = exampleProgress({
  createdAt,
  startedAt: createdAt,
  mails: { sent: 0, failed: 0, unconfirmed: 0, skipped: 0, cancelled: 0, pending: 50 },
})

test('A session that runs, or is over, needs no sentence', () => {
  expect(situationOf(exampleProgress(), {}, now)).toBeNull()
  expect(situationOf(exampleEnd(), {}, now)).toBeNull()
})

test('A cancelled session says that it is being cancelled until nothing is pending', () => {
  const cancelling = exampleProgress({ status: 'cancelled', completed: true })
  expect(situationOf(cancelling, undefined, now)).toEqual({ kind: 'ending', words: 'Cancelling what is left…' })
  expect(situationOf(exampleEnd({ status: 'cancelled' }), undefined, now)).toBeNull()
})

test('A scheduled session says when it starts, as soon as that is known', () => {
  const scheduled = exampleProgress({ status: 'scheduled' })
  expect(situationOf(scheduled, undefined, now)).toBeNull()
  const words = situationOf(scheduled, { startAt: '2026-11-01T10:30:00.000Z' }, now)?.words
  expect(words).toMatch(/^Starts .*2026.*, in 30 min\.$/)
  expect(situationOf(scheduled, { startAt: createdAt }, now)?.words).toBe('Starts any moment.')
})

test('The delay before the first mail is counted down, also after a start that was scheduled', () => {
  const delayed = { delaySeconds: 300 }
  expect(situationOf(untouched, delayed, now)).toEqual({ kind: 'delayed', words: 'Mails begin in 5:00.' })
  expect(situationOf(untouched, delayed, now + 295_500)?.words).toBe('Mails begin in 0:05.')
  expect(situationOf(untouched, delayed, now + 300_000)).toBeNull()
  const later = { delaySeconds: 60, startAt: '2026-11-01T11:00:00.000Z' }
  const queued = { ...untouched, startedAt: null }
  expect(situationOf(queued, later, Date.parse(later.startAt) + 15_000)?.words).toBe('Mails begin in 0:45.')
})

test('The delay is counted from the real start, also where that was earlier or later than planned', () => {
  const options = { delaySeconds: 60, startAt: '2026-11-01T11:00:00.000Z' }
  for (const startedAt of ['2026-11-01T10:20:00.000Z', '2026-11-01T14:00:00.000Z']) {
    const begun = { ...untouched, startedAt }
    expect(situationOf(begun, options, Date.parse(startedAt) + 15_000)?.words).toBe('Mails begin in 0:45.')
  }
})

test('A clock that is behind the server promises no more than the delay', () => {
  expect(situationOf(untouched, { delaySeconds: 60 }, now - 600_000)?.words).toBe('Mails begin in 1:00.')
})

test('No delay is counted once a mail was tried, or while nothing moves', () => {
  expect(situationOf(exampleProgress({ createdAt }), { delaySeconds: 300 }, now)).toBeNull()
  expect(situationOf({ ...untouched, status: 'paused' }, { delaySeconds: 300 }, now)).toBeNull()
})

test('The options are requested only where they can explain a wait', () => {
  expect(waitsByOptions(exampleProgress({ status: 'scheduled' }), now)).toBe(true)
  expect(waitsByOptions(untouched, now + 1_000)).toBe(false)
  expect(waitsByOptions(untouched, now + 4_000)).toBe(true)
  expect(waitsByOptions(exampleProgress({ createdAt }), now + 60_000)).toBe(false)
})
