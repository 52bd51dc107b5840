import { expect, test } from 'vitest'
import { exampleEnd, exampleProgress } from '../live/example-progress.ts'
import { freshnessWords, holdSentence, rateWords } from './tracker.ts'

test('The rate and the time left are shown only while the numbers are live', () => {
  expect(rateWords(exampleProgress(), 'live')).toBe('4.2 mails/s · about 9 s left')
  expect(rateWords(exampleProgress(), 'stale')).toBe('')
  expect(rateWords(exampleEnd(), 'final')).toBe('')
})

test('Numbers are called final by what is known, not by the status', () => {
  expect(freshnessWords('final', 'websocket', 0)).toBe('Final numbers')
  expect(freshnessWords('live', 'websocket', 0)).toBe('Live')
})

test('A held session says why and what to do, also for a reason that this version does not know', () => {
  expect(holdSentence(exampleProgress())).toBeNull()
  expect(holdSentence(exampleProgress({ status: 'held', reason: 'canary' }))).toContain('press Resume')
  expect(holdSentence(exampleProgress({ status: 'held', reason: 'moon_phase' }))).toBe(
    'Rollcall stopped this session (moon_phase). Press Resume to go on, or Cancel.',
  )
})

test('“Live” is never said beside an age', () => {
  expect(freshnessWords('live', 'websocket', 12_000)).toBe('Live')
  expect(freshnessWords('live', 'websocket', 7_200_000)).toBe('As of 2 h ago')
  expect(freshnessWords('stale', 'websocket', 12_000)).toBe('As of 12 s ago')
})

test('What is not live says what the numbers come by, and how old they are', () => {
  expect(freshnessWords('live', 'polling', 0)).toBe('Polling · as of now')
  expect(freshnessWords('live', 'events', 4_000)).toBe('Server-sent events · as of 4 s ago')
  expect(freshnessWords('stale', 'connecting', 12_000)).toBe('Reconnecting… · as of 12 s ago')
})
