import { beforeEach, describe, expect, test } from 'vitest'
import { FakeWorld } from './fake-network.ts'
import { LiveConnection } from './connection.ts'

const S = 'activation_1704123456789_a7bc3d2f1'
let world: FakeWorld
let live: LiveConnection

beforeEach(() => {
  world = new FakeWorld()
  live = new LiveConnection(world.ports, world.listener)
})

describe('One WebSocket for the tab', () => {
  test('It joins the room of active sessions and every room that somebody subscribed to', async () => {
    live.subscribe(S)
    live.start()
    await world.socketOpens()
    live.subscribe('later')
    expect(world.sockets).toHaveLength(1)
    expect(world.socket.sent).toEqual([
      { type: 'subscribe', room: 'active' },
      { type: 'subscribe', sessionId: S },
      { type: 'subscribe', sessionId: 'later' },
    ])
  })

  test('A room is joined once and left when the last subscriber leaves, each of whom counts once', async () => {
    live.start()
    await world.socketOpens()
    const leave = live.subscribe(S)
    const leaveToo = live.subscribe(S)
    leave()
    leave()
    expect(world.socket.sent).not.toContainEqual({ type: 'unsubscribe', sessionId: S })
    leaveToo()
    const about = world.socket.sent.filter((frame) => (frame as { sessionId?: string }).sessionId === S)
    expect(about).toEqual([
      { type: 'subscribe', sessionId: S },
      { type: 'unsubscribe', sessionId: S },
    ])
  })

  test('It is live at the first frame, not when the socket opens', () => {
    live.start()
    world.socket.open()
    expect(world.transports).not.toContain('websocket')
    world.socket.frame({ type: 'progress', data: { sessionId: S, version: 1 } })
    expect(world.transports).toEqual(['websocket'])
    expect(world.heardBy).toEqual([`progress ${S} 1`])
  })

  test('Events, unknown sessions and frames that cannot be read reach the right ears or none', () => {
    live.start()
    world.socket.open()
    world.socket.hears.message('{')
    world.socket.hears.message(new ArrayBuffer(2))
    world.socket.frame({ type: 'event', sessionId: S, data: { type: 'paused' } })
    world.socket.frame({ type: 'error', code: 'SESSION_NOT_FOUND', msg: '', sessionId: 'gone' })
    expect(world.heardBy).toEqual([`event ${S} paused`, 'unknown gone'])
  })
})

describe('A connection that is lost', () => {
  test('28 seconds without a frame are a loss; a heartbeat is a frame', async () => {
    live.start()
    await world.socketOpens()
    await world.pass(27_000)
    world.socket.frame({ type: 'heartbeat', at: '' })
    await world.pass(27_999)
    expect(world.heardBy).not.toContain('lost all')
    await world.pass(1)
    expect(world.heardBy).toContain('lost all')
    expect(world.sockets[0]?.closed).toBe(true)
    await world.pass(1000)
    expect(world.sockets).toHaveLength(2)
  })

  test.each([1006, 1012, 1013])(
    'After close code %i it opens again within a second and joins every room',
    async (code) => {
      live.subscribe(S)
      live.start()
      await world.socketOpens()
      world.socket.end(code)
      expect(world.transports.at(-1)).toBe('connecting')
      await world.pass(499)
      expect(world.sockets).toHaveLength(1)
      await world.pass(1)
      expect(world.sockets).toHaveLength(2)
      await world.socketOpens()
      expect(world.socket.sent).toContainEqual({ type: 'subscribe', sessionId: S })
      expect(world.transports.at(-1)).toBe('websocket')
    },
  )

  test('Waits grow while connections break soon, and start anew after ten healthy seconds', async () => {
    live.start()
    const waits: number[] = []
    for (const healthy of [0, 0, 0, 10_000, 0]) {
      await world.socketOpens()
      await world.pass(healthy)
      const [before, since] = [world.sockets.length, world.now]
      world.socket.end(1006)
      while (world.sockets.length === before) await world.pass(100)
      waits.push(world.now - since)
    }
    expect(waits).toEqual([500, 1500, 3000, 500, 1500])
  })

  test('Close code 4401 says that nobody is signed in, and nothing is opened again', async () => {
    live.start()
    await world.socketOpens()
    world.socket.end(4401)
    await world.pass(120_000)
    expect(world.heardBy).toContain('signed out')
    expect(world.sockets).toHaveLength(1)
  })

  test('Close code 4403 stops it without a way to the sign-in', async () => {
    live.start()
    await world.socketOpens()
    world.socket.end(4403)
    await world.pass(120_000)
    expect(world.heardBy).not.toContain('signed out')
    expect(world.transports.at(-1)).toBe('stopped')
    expect(world.sockets).toHaveLength(1)
  })
})

describe('Looking again when the page shows', () => {
  test('A waiting reconnect happens at once', async () => {
    live.start()
    await world.socketOpens()
    world.socket.end(1006)
    live.lookAgain()
    expect(world.sockets).toHaveLength(2)
    await world.pass(1000)
    expect(world.sockets).toHaveLength(2)
  })

  test('An open socket is asked for an answer, and given up when none comes within 2.5 s', async () => {
    live.start()
    await world.socketOpens()
    live.lookAgain()
    expect(world.socket.sent.at(-1)).toEqual({ type: 'subscribe', room: 'active' })
    await world.pass(2500)
    expect(world.sockets[0]?.closed).toBe(true)
    expect(world.heardBy).toContain('lost all')
  })

  test('An open socket that answers is kept', async () => {
    live.start()
    await world.socketOpens()
    live.lookAgain()
    world.socket.frame({ type: 'active', data: [] })
    await world.pass(10_000)
    expect(world.sockets).toHaveLength(1)
    expect(world.heardBy).not.toContain('lost all')
  })
})
