import { expect, test } from 'vitest'
import { exampleEnd, exampleProgress } from '../live/example-progress.ts'
import { isNewer, isTracked, Sessions, withProgress } from './sessions.ts'

const at = Date.parse('2026-11-01T10:00:06Z')
const sessionId = exampleProgress().sessionId

test('What no progress came for is unknown, and is not shown as numbers', () => {
  const sessions = new Sessions({ now: () => at, changed: () => {} })
  expect(sessions.freshness(sessionId)).toBe('unknown')
  expect(sessions.known.size).toBe(0)
})

test('What a browser cached, and the answer to a request, are stale; a frame makes them live', () => {
  const cached = withProgress(undefined, exampleProgress(), 'cache', at)
  expect(cached.freshness).toBe('stale')
  const answered = withProgress(cached, exampleProgress({ version: 42 }), 'answer', at)
  expect(answered.freshness).toBe('stale')
  expect(withProgress(answered, exampleProgress({ version: 42 }), 'live', at).freshness).toBe('live')
})

test('Anything is newer than nothing, and otherwise only a higher version, because the same one carries the same numbers', () => {
  expect(isNewer(null, { version: 1 })).toBe(true)
  expect(isNewer(undefined, { version: 1 })).toBe(true)
  expect(isNewer({ version: 4 }, { version: 5 })).toBe(true)
  expect(isNewer({ version: 5 }, { version: 5 })).toBe(false)
  expect(isNewer({ version: 5 }, { version: 4 })).toBe(false)
})

test('A lower version changes no number, whichever way it came', () => {
  const known = withProgress(undefined, exampleProgress({ version: 41 }), 'answer', at)
  const older = exampleProgress({ version: 40, total: 1 })
  expect(withProgress(known, older, 'answer', at)).toBe(known)
  expect(withProgress(known, older, 'cache', at)).toBe(known)
  expect(withProgress(known, older, 'live', at).progress.version).toBe(41)
})

test('A newer answer, or what another tab cached, takes away nothing that a frame confirmed', () => {
  const live = withProgress(undefined, exampleProgress(), 'live', at)
  expect(withProgress(live, exampleProgress({ version: 42 }), 'answer', at).freshness).toBe('live')
  expect(withProgress(live, exampleProgress({ version: 42 }), 'cache', at).freshness).toBe('live')
})

test('A completed session is final, and runs again when its failed mails are retried', () => {
  const final = withProgress(undefined, exampleEnd(), 'answer', at)
  expect(final.freshness).toBe('final')
  const again = withProgress(final, exampleProgress({ version: 91 }), 'live', at)
  expect(again.freshness).toBe('live')
  expect(again.finishedAt).toBeNull()
})

test('The tracker shows a session that finished for two minutes, counted from when this tab saw it finish', () => {
  const live = withProgress(undefined, exampleProgress(), 'live', at)
  const seen = withProgress(live, exampleEnd({ finishedAt: '2020-01-01T00:00:00Z' }), 'live', at)
  expect(isTracked(seen, at + 119_000)).toBe(true)
  expect(isTracked(seen, at + 120_000)).toBe(false)
})

test('A session that finished while the tab was closed is shown until two minutes after its end', () => {
  const found = withProgress(undefined, exampleEnd(), 'answer', at)
  const end = Date.parse('2026-11-01T10:00:20Z')
  expect(isTracked(found, end + 119_000)).toBe(true)
  expect(isTracked(found, end + 121_000)).toBe(false)
})

test('A cancelled session is final when nothing is pending, and stays in the tracker until then', () => {
  const cancelled = exampleProgress({
    status: 'cancelled',
    completed: true,
    version: 42,
    finishedAt: '2020-01-01T00:00:00Z',
  })
  const live = withProgress(withProgress(undefined, exampleProgress(), 'live', at), cancelled, 'live', at)
  expect(live.freshness).toBe('live')
  expect(isTracked(live, at + 600_000)).toBe(true)
  const ended = withProgress(live, exampleEnd({ status: 'cancelled' }), 'live', at + 600_000)
  expect(ended.freshness).toBe('final')
  expect(isTracked(ended, at + 719_000)).toBe(true)
})

test('A message keeps live numbers confirmed, and a drop makes them stale until the next frame', () => {
  let now = at
  const sessions = new Sessions({ now: () => now, changed: () => {} })
  sessions.listener.onProgress(exampleProgress())
  now += 15_000
  sessions.listener.onMessage(undefined)
  expect(sessions.known.get(sessionId)).toMatchObject({ freshness: 'live', lastConfirmedAt: now })
  sessions.listener.onDropped('another')
  expect(sessions.freshness(sessionId)).toBe('live')
  sessions.listener.onDropped(undefined)
  now += 15_000
  sessions.listener.onMessage(undefined)
  expect(sessions.known.get(sessionId)).toMatchObject({ freshness: 'stale', lastConfirmedAt: now - 15_000 })
  sessions.listener.onProgress(exampleProgress())
  expect(sessions.freshness(sessionId)).toBe('live')
})
