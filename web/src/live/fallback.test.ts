import { beforeEach, describe, expect, test } from 'vitest'
import { FakeNetwork, RecordingListener } from './fake-network.ts'
import { LiveConnection } from './connection.ts'

const S = 'activation_1704123456789_a7bc3d2f1'
let network: FakeNetwork
let listener: RecordingListener
let live: LiveConnection

const progressOf = (version: number) => ({ sessionId: S, version })

/** Lets the opening of the socket fail twice, after which the fallback runs. */
async function failTwice(): Promise<void> {
  await network.pass(2500)
  await network.pass(500)
  await network.pass(2500)
}

beforeEach(() => {
  network = new FakeNetwork()
  listener = new RecordingListener()
  live = new LiveConnection(network.environment, listener)
})

describe('Where a WebSocket cannot be had', () => {
  beforeEach(() => {
    network.answer = (path) =>
      path.includes('active=true')
        ? { status: 200, data: { items: [progressOf(1)] } }
        : { status: 200, data: progressOf(7), etag: '"7"' }
  })

  test('Two openings that take 2.5 s lead to server-sent events for each room', async () => {
    live.subscribe(S)
    live.start()
    await network.pass(2500)
    expect(network.streams).toHaveLength(0)
    await network.pass(3000)
    expect(network.stream.path).toBe(`/crm/activation/progress/${S}/stream`)
    network.stream.message('progress', progressOf(5))
    network.stream.message('session-event', { sessionId: S, data: { type: 'held' } })
    expect(listener.lines).toContain(`progress ${S} 5`)
    expect(listener.lines).toContain(`event ${S} held`)
    expect(listener.transports.at(-1)).toBe('events')
  })

  test('The list of active sessions is requested every 5 s in place of its room', async () => {
    live.start()
    await failTwice()
    await network.pass(10_000)
    expect(network.requests.filter(({ path }) => path.includes('active=true'))).toHaveLength(3)
    expect(listener.lines).toContain('active 1')
  })

  test('A stream that says nothing for 2.5 s leads to polling every 2 s ± 20 % with the version as ETag', async () => {
    live.subscribe(S)
    live.start()
    await failTwice()
    await network.pass(2500)
    expect(network.stream.closed).toBe(true)
    expect(listener.transports.at(-1)).toBe('polling')
    network.answer = (_path, headers) => (headers['if-none-match'] === '"7"' ? { status: 304 } : { status: 500 })
    network.random = 0
    await network.pass(2000)
    expect(listener.lines.slice(-1)).toEqual([`message ${S}`])
    network.random = 0.999
    const polls = () => network.requests.filter(({ path }) => path.endsWith(S)).length
    await network.pass(1600)
    const before = polls()
    await network.pass(2390)
    expect(polls()).toBe(before)
    await network.pass(10)
    expect(polls()).toBe(before + 1)
  })

  test('A stream that fails twice before its first message leads to polling, and later rooms poll at once', async () => {
    live.subscribe(S)
    live.start()
    await failTwice()
    network.stream.fail()
    expect(listener.transports).not.toContain('polling')
    await network.pass(1000)
    expect(network.streams).toHaveLength(2)
    network.stream.fail()
    await network.runPromises()
    expect(listener.lines).toContain(`progress ${S} 7`)
    live.subscribe('another')
    await network.runPromises()
    expect(network.streams).toHaveLength(2)
    expect(network.requests.at(-1)?.path).toBe('/crm/activation/progress/another')
  })

  test('Numbers are not called live while polling fails', async () => {
    live.subscribe(S)
    live.start()
    await failTwice()
    await network.pass(2500)
    network.answer = () => ({ status: 503 })
    await network.pass(2400)
    expect(listener.lines.at(-1)).toBe(`dropped ${S}`)
    expect(listener.transports.at(-1)).toBe('connecting')
  })

  test('The WebSocket is tried every minute, and takes over at its first frame', async () => {
    live.subscribe(S)
    live.start()
    await failTwice()
    network.stream.message('progress', progressOf(5))
    expect(network.sockets).toHaveLength(2)
    await network.pass(27_000)
    network.stream.message('progress', progressOf(6))
    await network.pass(27_000)
    network.stream.message('progress', progressOf(6))
    expect(network.sockets).toHaveLength(2)
    await network.pass(6000)
    expect(network.sockets).toHaveLength(3)
    expect(network.stream.closed).toBe(false)
    await network.socketOpens()
    expect(network.stream.closed).toBe(true)
    expect(listener.transports.at(-1)).toBe('websocket')
    const requests = network.requests.length
    await network.pass(20_000)
    expect(network.requests).toHaveLength(requests)
  })

  test('A server that was away is met again over a WebSocket as soon as it answers', async () => {
    network.answer = () => {
      throw new Error('down')
    }
    live.start()
    await failTwice()
    const before = network.sockets.length
    network.answer = () => ({ status: 200, data: { items: [] } })
    await network.pass(5000)
    expect(network.sockets).toHaveLength(before + 1)
  })

  test('A session that is not there is no longer requested', async () => {
    live.subscribe(S)
    live.start()
    await failTwice()
    network.answer = (path) => (path.includes('active') ? { status: 200, data: { items: [] } } : { status: 404 })
    await network.pass(2500)
    expect(listener.lines).toContain(`missing ${S}`)
  })

  test('A 401 says that nobody is signed in', async () => {
    network.answer = () => ({ status: 401 })
    live.start()
    await failTwice()
    await network.runPromises()
    expect(listener.lines).toContain('signed out')
  })

  test('At most three streams are open, so that the browser has connections left', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) live.subscribe(name)
    live.start()
    await failTwice()
    expect(network.streams).toHaveLength(3)
  })

  test('After stop nothing is opened, requested or waited for', async () => {
    live.subscribe(S)
    live.start()
    await failTwice()
    live.stop()
    const requests = network.requests.length
    await network.pass(120_000)
    expect(network.requests).toHaveLength(requests)
    expect(network.stream.closed).toBe(true)
    expect(network.timers.size).toBe(0)
  })
})
