import { beforeEach, describe, expect, test } from 'vitest'
import { FakeWorld } from './fake-network.ts'
import { LiveConnection } from './connection.ts'

const S = 'activation_1704123456789_a7bc3d2f1'
let world: FakeWorld
let live: LiveConnection

const progressOf = (version: number) => ({ sessionId: S, version })

/** Lets the opening of the socket fail twice, after which the fallback runs. */
async function failTwice(): Promise<void> {
  await world.pass(2500)
  await world.pass(500)
  await world.pass(2500)
}

beforeEach(() => {
  world = new FakeWorld()
  live = new LiveConnection(world.ports, world.listener)
})

describe('Where a WebSocket cannot be had', () => {
  beforeEach(() => {
    world.answer = (path) =>
      path.includes('active=true')
        ? { status: 200, data: { items: [progressOf(1)] } }
        : { status: 200, data: progressOf(7), etag: '"7"' }
  })

  test('Two openings that take 2.5 s lead to server-sent events for each room', async () => {
    live.subscribe(S)
    live.start()
    await world.pass(2500)
    expect(world.streams).toHaveLength(0)
    await world.pass(3000)
    expect(world.stream.path).toBe(`/crm/activation/progress/${S}/stream`)
    world.stream.hears.progress(JSON.stringify(progressOf(5)))
    world.stream.hears.sessionEvent(JSON.stringify({ sessionId: S, data: { type: 'held' } }))
    expect(world.heardBy).toContain(`progress ${S} 5`)
    expect(world.heardBy).toContain(`event ${S} held`)
    expect(world.transports.at(-1)).toBe('events')
  })

  test('The list of active sessions is asked every 5 s in place of its room', async () => {
    live.start()
    await failTwice()
    await world.pass(10_000)
    expect(world.asked.filter(({ path }) => path.includes('active=true'))).toHaveLength(3)
    expect(world.heardBy).toContain('active 1')
  })

  test('A stream that says nothing for 2.5 s leads to polling every 2 s ± 20 % with the version as ETag', async () => {
    live.subscribe(S)
    live.start()
    await failTwice()
    await world.pass(2500)
    expect(world.stream.closed).toBe(true)
    expect(world.transports.at(-1)).toBe('polling')
    world.answer = (_path, headers) => (headers['if-none-match'] === '"7"' ? { status: 304 } : { status: 500 })
    world.random = 0
    await world.pass(2000)
    expect(world.heardBy.slice(-1)).toEqual([`heard ${S}`])
    world.random = 0.999
    const polls = () => world.asked.filter(({ path }) => path.endsWith(S)).length
    await world.pass(1600)
    const before = polls()
    await world.pass(2390)
    expect(polls()).toBe(before)
    await world.pass(10)
    expect(polls()).toBe(before + 1)
  })

  test('A stream that fails twice before its first message leads to polling, and later rooms poll at once', async () => {
    live.subscribe(S)
    live.start()
    await failTwice()
    world.stream.hears.error()
    expect(world.transports).not.toContain('polling')
    await world.pass(1000)
    expect(world.streams).toHaveLength(2)
    world.stream.hears.error()
    await world.settle()
    expect(world.heardBy).toContain(`progress ${S} 7`)
    live.subscribe('another')
    await world.settle()
    expect(world.streams).toHaveLength(2)
    expect(world.asked.at(-1)?.path).toBe('/crm/activation/progress/another')
  })

  test('Numbers are not called live while polling fails', async () => {
    live.subscribe(S)
    live.start()
    await failTwice()
    await world.pass(2500)
    world.answer = () => ({ status: 503 })
    await world.pass(2400)
    expect(world.heardBy.at(-1)).toBe(`lost ${S}`)
    expect(world.transports.at(-1)).toBe('connecting')
  })

  test('The WebSocket is tried every minute, and takes over at its first frame', async () => {
    live.subscribe(S)
    live.start()
    await failTwice()
    world.stream.hears.progress(JSON.stringify(progressOf(5)))
    expect(world.sockets).toHaveLength(2)
    await world.pass(27_000)
    world.stream.hears.progress(JSON.stringify(progressOf(6)))
    await world.pass(27_000)
    world.stream.hears.progress(JSON.stringify(progressOf(6)))
    expect(world.sockets).toHaveLength(2)
    await world.pass(6000)
    expect(world.sockets).toHaveLength(3)
    expect(world.stream.closed).toBe(false)
    await world.socketOpens()
    expect(world.stream.closed).toBe(true)
    expect(world.transports.at(-1)).toBe('websocket')
    const asked = world.asked.length
    await world.pass(20_000)
    expect(world.asked).toHaveLength(asked)
  })

  test('A server that was away is met again over a WebSocket as soon as it answers', async () => {
    world.answer = () => {
      throw new Error('down')
    }
    live.start()
    await failTwice()
    const before = world.sockets.length
    world.answer = () => ({ status: 200, data: { items: [] } })
    await world.pass(5000)
    expect(world.sockets).toHaveLength(before + 1)
  })

  test('A session that is not there is no longer asked for', async () => {
    live.subscribe(S)
    live.start()
    await failTwice()
    world.answer = (path) => (path.includes('active') ? { status: 200, data: { items: [] } } : { status: 404 })
    await world.pass(2500)
    expect(world.heardBy).toContain(`unknown ${S}`)
  })

  test('A 401 says that nobody is signed in', async () => {
    world.answer = () => ({ status: 401 })
    live.start()
    await failTwice()
    await world.settle()
    expect(world.heardBy).toContain('signed out')
  })

  test('At most three streams are open, so that the browser has connections left', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) live.subscribe(name)
    live.start()
    await failTwice()
    expect(world.streams).toHaveLength(3)
  })

  test('After stop nothing is opened, asked or waited for', async () => {
    live.subscribe(S)
    live.start()
    await failTwice()
    live.stop()
    const asked = world.asked.length
    await world.pass(120_000)
    expect(world.asked).toHaveLength(asked)
    expect(world.stream.closed).toBe(true)
    expect(world.timers.size).toBe(0)
  })
})
