import { expect, test } from 'vitest'
import { exampleEnd, exampleProgress } from '../live/example-progress.ts'
import { knowledgeOf, showsInTracker, unknownSession, withProgress } from './sessions.ts'

const at = Date.parse('2026-11-01T10:00:06Z')

test('What no progress came for is unknown, and is not shown as numbers', () => {
  expect(knowledgeOf(undefined)).toBe('unknown')
  expect(knowledgeOf(unknownSession)).toBe('unknown')
})

test('What a browser kept, and the answer to a request, are stale; a frame makes them live', () => {
  const kept = withProgress(unknownSession, exampleProgress(), 'kept', at)
  expect(knowledgeOf(kept)).toBe('stale')
  const answered = withProgress(kept, exampleProgress({ version: 42 }), 'answer', at)
  expect(knowledgeOf(answered)).toBe('stale')
  expect(knowledgeOf(withProgress(answered, exampleProgress({ version: 42 }), 'live', at))).toBe('live')
})

test('A lower version changes no number, whichever way it came', () => {
  const known = withProgress(unknownSession, exampleProgress({ version: 41 }), 'answer', at)
  const older = exampleProgress({ version: 40, total: 1 })
  expect(withProgress(known, older, 'answer', at)).toBe(known)
  expect(withProgress(known, older, 'kept', at)).toBe(known)
  expect(withProgress(known, older, 'live', at).progress?.version).toBe(41)
})

test('A newer answer, or what another tab kept, takes away nothing that a frame confirmed', () => {
  const live = withProgress(unknownSession, exampleProgress(), 'live', at)
  expect(knowledgeOf(withProgress(live, exampleProgress({ version: 42 }), 'answer', at))).toBe('live')
  expect(knowledgeOf(withProgress(live, exampleProgress({ version: 42 }), 'kept', at))).toBe('live')
})

test('A completed session is final, and runs again when its failed mails are retried', () => {
  const final = withProgress(unknownSession, exampleEnd(), 'answer', at)
  expect(knowledgeOf(final)).toBe('final')
  const again = withProgress(final, exampleProgress({ version: 91 }), 'live', at)
  expect(knowledgeOf(again)).toBe('live')
  expect(again.endedAt).toBeNull()
})

test('The tracker shows a session that ended for two minutes, counted from when this tab saw it end', () => {
  const live = withProgress(unknownSession, exampleProgress(), 'live', at)
  const seen = withProgress(live, exampleEnd({ finishedAt: '2020-01-01T00:00:00Z' }), 'live', at)
  expect(showsInTracker(seen, at + 119_000)).toBe(true)
  expect(showsInTracker(seen, at + 120_000)).toBe(false)
})

test('A session that ended while the tab was closed is shown until two minutes after its end', () => {
  const found = withProgress(unknownSession, exampleEnd(), 'answer', at)
  const end = Date.parse('2026-11-01T10:00:20Z')
  expect(showsInTracker(found, end + 119_000)).toBe(true)
  expect(showsInTracker(found, end + 121_000)).toBe(false)
})

test('A cancelled session is final when nothing is pending, and stays in the tracker until then', () => {
  const cancelled = exampleProgress({
    status: 'cancelled',
    completed: true,
    version: 42,
    finishedAt: '2020-01-01T00:00:00Z',
  })
  const live = withProgress(withProgress(unknownSession, exampleProgress(), 'live', at), cancelled, 'live', at)
  expect(knowledgeOf(live)).toBe('live')
  expect(showsInTracker(live, at + 600_000)).toBe(true)
  const ended = withProgress(live, exampleEnd({ status: 'cancelled' }), 'live', at + 600_000)
  expect(knowledgeOf(ended)).toBe('final')
  expect(showsInTracker(ended, at + 719_000)).toBe(true)
})
