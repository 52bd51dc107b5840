import { expect, test } from 'vitest'
import { exampleEnd, exampleProgress } from '../live/example-progress.ts'
import { freshness, holdSentence, paceOf } from './tracker.ts'

test('The pace and the time left are told only while the numbers are live', () => {
  expect(paceOf(exampleProgress(), 'live')).toBe('4.2 mails/s · about 9 s left')
  expect(paceOf(exampleProgress(), 'stale')).toBe('')
  expect(paceOf(exampleEnd(), 'final')).toBe('')
})

test('Numbers are called final by what is known, not by the status', () => {
  expect(freshness('final', 'websocket', 0)).toBe('Final numbers')
  expect(freshness('live', 'websocket', 0)).toBe('Live · as of now')
})

test('A held session says why and what to do, also for a reason that this version does not know', () => {
  expect(holdSentence(exampleProgress())).toBeNull()
  expect(holdSentence(exampleProgress({ status: 'held', reason: 'canary' }))).toContain('press Resume')
  expect(holdSentence(exampleProgress({ status: 'held', reason: 'moon_phase' }))).toBe(
    'Rollcall stopped this session (moon_phase). Press Resume to go on, or Cancel.',
  )
})
