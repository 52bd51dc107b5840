import type { Progress } from '@rollcall/shared'
import { beforeEach, describe, expect, test } from 'vitest'
import { exampleEnd, exampleProgress } from '../live/example-progress.ts'
import { FakeNetwork } from '../live/fake-network.ts'
import type { TrackerApi } from './api.ts'
import { cacheKey, readCached } from './cache.ts'
import { createTracker, type Tracker } from './tracker.ts'

const at = Date.parse('2026-11-01T10:00:06Z')
const { sessionId } = exampleProgress()
let network: FakeNetwork
let storage: Storage
let server: Map<string, Progress>
let isSignedIn: boolean
let tracker: Tracker

const api: TrackerApi = {
  listSessions: async () => [...server.values()],
  readProgress: async (id) => server.get(id) ?? null,
  readOptions: async () => ({ delaySeconds: 60 }),
  runCommand: async (id) => exampleProgress({ sessionId: id, version: 50, status: 'paused' }),
  isSignedIn: async () => isSignedIn,
}

function memory(): Storage {
  const values = new Map<string, string>()
  return {
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => void values.set(key, value),
    removeItem: (key: string) => void values.delete(key),
  } as Storage
}

function newTab(): Tracker {
  return createTracker({ api, environment: network.environment, storage, clock: () => at + network.now })
}

function cacheProgress(progress: Progress): void {
  storage.setItem(cacheKey, JSON.stringify({ [progress.sessionId]: { progress, trueAt: at - 12_000 } }))
}

beforeEach(() => {
  network = new FakeNetwork()
  storage = memory()
  server = new Map()
  isSignedIn = true
  tracker = newTab()
})

describe('A tab that starts', () => {
  test('It shows what the browser cached as stale and with its age, before anything is answered', () => {
    cacheProgress(exampleProgress())
    tracker.start()
    expect(tracker.session(sessionId)).toMatchObject({ freshness: 'stale', lastConfirmedAt: at - 12_000 })
    expect(tracker.tracked.value).toHaveLength(1)
  })

  test('It does not show a cached zero, which may be wrong by now', () => {
    const { accounts, mails, total } = exampleProgress()
    const pending = { accounts: { ...accounts, created: 0, existing: 0, pending: total } }
    cacheProgress(exampleProgress({ ...pending, mails: { ...mails, sent: 0, failed: 0, skipped: 0, pending: total } }))
    tracker.start()
    expect(tracker.freshness(sessionId)).toBe('unknown')
  })

  test('It shows every session that runs, and those that finished within the last two minutes', async () => {
    server.set('runs', exampleProgress({ sessionId: 'runs' }))
    server.set('ended', exampleEnd({ sessionId: 'ended', finishedAt: new Date(at - 60_000).toISOString() }))
    server.set('old', exampleEnd({ sessionId: 'old', finishedAt: new Date(at - 180_000).toISOString() }))
    tracker.start()
    await network.runPromises()
    expect(tracker.tracked.value.map((progress) => progress.sessionId)).toEqual(['runs', 'ended'])
    expect(tracker.running.value.map((progress) => progress.sessionId)).toEqual(['runs'])
    expect(tracker.freshness('old')).toBe('unknown')
  })

  test('It forgets a cached session that the server no longer has', async () => {
    cacheProgress(exampleProgress())
    tracker.start()
    await network.runPromises()
    expect(tracker.freshness(sessionId)).toBe('unknown')
    expect(tracker.tracked.value).toEqual([])
  })
})

describe('A tab that is connected', () => {
  beforeEach(async () => {
    server.set(sessionId, exampleProgress())
    tracker.start()
    await network.runPromises()
    await network.socketOpens()
  })

  test('It joins the room of each session that it shows, and a frame makes the numbers live', () => {
    expect(network.socket.sent).toContainEqual({ type: 'subscribe', sessionId })
    expect(tracker.freshness(sessionId)).toBe('stale')
    network.socket.frame({ type: 'progress', data: exampleProgress({ version: 42 }) })
    expect(tracker.session(sessionId)).toMatchObject({ freshness: 'live', progress: { version: 42 } })
    expect(tracker.transport.value).toBe('websocket')
  })

  test('Numbers are stale as soon as the connection drops, and keep their age', async () => {
    network.socket.frame({ type: 'progress', data: exampleProgress({ version: 42 }) })
    network.socket.end(1006)
    expect(tracker.freshness(sessionId)).toBe('stale')
    await network.pass(400)
    expect(tracker.session(sessionId)?.lastConfirmedAt).toBe(at)
    expect(tracker.transport.value).toBe('connecting')
  })

  test('The cache is written at once and then at most every second, the last numbers included', async () => {
    await network.pass(2000)
    network.socket.frame({ type: 'progress', data: exampleProgress({ version: 42 }) })
    expect(readCached(storage)[sessionId]?.progress.version).toBe(42)
    network.socket.frame({ type: 'progress', data: exampleProgress({ version: 43 }) })
    network.socket.frame({ type: 'progress', data: exampleProgress({ version: 44 }) })
    expect(readCached(storage)[sessionId]?.progress.version).toBe(42)
    await network.pass(1000)
    expect(readCached(storage)[sessionId]?.progress.version).toBe(44)
  })

  test('A session leaves the tracker, and its room, two minutes after it finished', async () => {
    network.socket.frame({ type: 'progress', data: exampleProgress({ version: 42 }) })
    network.socket.frame({ type: 'progress', data: exampleEnd() })
    expect(tracker.freshness(sessionId)).toBe('final')
    const heartbeats = async (seconds: number) => {
      for (let passed = 0; passed < seconds; passed += 10) {
        network.socket.frame({ type: 'heartbeat', at: '' })
        await network.pass(10_000)
      }
    }
    await heartbeats(110)
    expect(tracker.tracked.value).toHaveLength(1)
    await heartbeats(20)
    expect(tracker.tracked.value).toEqual([])
    expect(network.socket.sent).toContainEqual({ type: 'unsubscribe', sessionId })
  })

  test('A session that a page follows reports its events until the page leaves', () => {
    const events: string[] = []
    const leave = tracker.follow(sessionId, (id, event) => events.push(`${id === sessionId} ${event.type}`))
    network.socket.frame({ type: 'event', sessionId, data: { type: 'paused' } })
    leave()
    network.socket.frame({ type: 'event', sessionId, data: { type: 'resumed' } })
    expect(events).toEqual(['true paused'])
  })

  test('The answer to a command is shown without waiting for the next frame', async () => {
    await tracker.runCommand(sessionId, 'pause')
    expect(tracker.session(sessionId)?.progress).toMatchObject({ version: 50, status: 'paused' })
  })

  test('A refused connection is tried again after 5 s where somebody is signed in, and left alone otherwise', async () => {
    network.socket.end(4401)
    await network.pass(4999)
    expect(network.sockets).toHaveLength(1)
    await network.pass(1)
    expect(network.sockets).toHaveLength(2)
    isSignedIn = false
    network.socket.open()
    network.socket.frame({ type: 'active', data: [] })
    network.socket.end(4401)
    await network.pass(60_000)
    expect(network.sockets).toHaveLength(2)
  })

  test('After stop nothing is known, cached, connected or waited for', async () => {
    await network.pass(1000)
    tracker.stop()
    expect(tracker.tracked.value).toEqual([])
    expect(storage.getItem(cacheKey)).toBeNull()
    expect(network.socket.closed).toBe(true)
    await network.pass(60_000)
    expect(network.sockets).toHaveLength(1)
    expect(network.timers.size).toBe(0)
  })

  test('Another tab of the same browser starts with the same numbers', async () => {
    network.socket.frame({ type: 'progress', data: exampleProgress({ version: 42 }) })
    await network.pass(1000)
    const second = newTab()
    second.start()
    expect(second.session(sessionId)).toMatchObject({ freshness: 'stale', progress: { version: 42 } })
  })
})

describe('The options of a session', () => {
  test('They are requested once, and again some seconds after a failure', async () => {
    let requests = 0
    const failing: TrackerApi = {
      ...api,
      readOptions: async () => {
        requests += 1
        if (requests === 1) throw new Error('down')
        return { delaySeconds: 60 }
      },
    }
    const { options } = createTracker({ api: failing, environment: network.environment, storage })
    await options.load(sessionId)
    await options.load(sessionId)
    expect(requests).toBe(1)
    await network.pass(5000)
    await options.load(sessionId)
    await options.load(sessionId)
    expect(requests).toBe(2)
    expect(options.known.get(sessionId)).toEqual({ delaySeconds: 60 })
  })
})
