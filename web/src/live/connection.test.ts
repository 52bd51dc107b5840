import { beforeEach, describe, expect, test } from 'vitest'
import { FakeNetwork, RecordingListener } from './fake-network.ts'
import { LiveConnection } from './connection.ts'

const S = 'activation_1704123456789_a7bc3d2f1'
let network: FakeNetwork
let listener: RecordingListener
let live: LiveConnection

beforeEach(() => {
  network = new FakeNetwork()
  listener = new RecordingListener()
  live = new LiveConnection(network.environment, listener)
})

describe('One WebSocket for the tab', () => {
  test('It joins the room of active sessions and every room that somebody subscribed to', async () => {
    live.subscribe(S)
    live.start()
    await network.socketOpens()
    live.subscribe('later')
    expect(network.sockets).toHaveLength(1)
    expect(network.socket.sent).toEqual([
      { type: 'subscribe', room: 'active' },
      { type: 'subscribe', sessionId: S },
      { type: 'subscribe', sessionId: 'later' },
    ])
  })

  test('A room is joined once and left when the last subscriber leaves, each of whom counts once', async () => {
    live.start()
    await network.socketOpens()
    const leave = live.subscribe(S)
    const leaveToo = live.subscribe(S)
    leave()
    leave()
    expect(network.socket.sent).not.toContainEqual({ type: 'unsubscribe', sessionId: S })
    leaveToo()
    const about = network.socket.sent.filter((frame) => (frame as { sessionId?: string }).sessionId === S)
    expect(about).toEqual([
      { type: 'subscribe', sessionId: S },
      { type: 'unsubscribe', sessionId: S },
    ])
  })

  test('It is live at the first frame, not when the socket opens', () => {
    live.start()
    network.socket.open()
    expect(listener.transports).not.toContain('websocket')
    network.socket.frame({ type: 'progress', data: { sessionId: S, version: 1 } })
    expect(listener.transports).toEqual(['websocket'])
    expect(listener.lines).toEqual([`progress ${S} 1`])
  })

  test('Events and missing sessions are reported, and a frame that cannot be read is ignored', () => {
    live.start()
    network.socket.open()
    network.socket.message('{')
    network.socket.message(new ArrayBuffer(2))
    network.socket.frame({ type: 'event', sessionId: S, data: { type: 'paused' } })
    network.socket.frame({ type: 'error', code: 'SESSION_NOT_FOUND', msg: '', sessionId: 'gone' })
    expect(listener.lines).toEqual([`event ${S} paused`, 'missing gone'])
  })
})

describe('A connection that drops', () => {
  test('A connection drops after 28 seconds without a frame; a heartbeat is a frame', async () => {
    live.start()
    await network.socketOpens()
    await network.pass(27_000)
    network.socket.frame({ type: 'heartbeat', at: '' })
    await network.pass(27_999)
    expect(listener.lines).not.toContain('dropped all')
    await network.pass(1)
    expect(listener.lines).toContain('dropped all')
    expect(network.sockets[0]?.closed).toBe(true)
    await network.pass(1000)
    expect(network.sockets).toHaveLength(2)
  })

  test.each([1006, 1012, 1013])(
    'After close code %i it opens again within a second and joins every room',
    async (code) => {
      live.subscribe(S)
      live.start()
      await network.socketOpens()
      network.socket.end(code)
      expect(listener.transports.at(-1)).toBe('connecting')
      await network.pass(499)
      expect(network.sockets).toHaveLength(1)
      await network.pass(1)
      expect(network.sockets).toHaveLength(2)
      await network.socketOpens()
      expect(network.socket.sent).toContainEqual({ type: 'subscribe', sessionId: S })
      expect(listener.transports.at(-1)).toBe('websocket')
    },
  )

  test('Waits grow while connections break soon, and start anew after ten healthy seconds', async () => {
    live.start()
    const waits: number[] = []
    for (const healthy of [0, 0, 0, 10_000, 0]) {
      await network.socketOpens()
      await network.pass(healthy)
      const [before, since] = [network.sockets.length, network.now]
      network.socket.end(1006)
      while (network.sockets.length === before) await network.pass(100)
      waits.push(network.now - since)
    }
    expect(waits).toEqual([500, 1500, 3000, 500, 1500])
  })

  test('Close code 4401 says that nobody is signed in, and nothing is opened again', async () => {
    live.start()
    await network.socketOpens()
    network.socket.end(4401)
    await network.pass(120_000)
    expect(listener.lines).toContain('signed out')
    expect(network.sockets).toHaveLength(1)
  })

  test('Close code 4403 stops it without a way to the sign-in', async () => {
    live.start()
    await network.socketOpens()
    network.socket.end(4403)
    await network.pass(120_000)
    expect(listener.lines).not.toContain('signed out')
    expect(listener.transports.at(-1)).toBe('stopped')
    expect(network.sockets).toHaveLength(1)
  })
})

describe('Checking when the page shows again', () => {
  test('A waiting reconnect happens at once', async () => {
    live.start()
    await network.socketOpens()
    network.socket.end(1006)
    live.checkNow()
    expect(network.sockets).toHaveLength(2)
    await network.pass(1000)
    expect(network.sockets).toHaveLength(2)
  })

  test('An open socket is probed, and given up when no frame comes within 2.5 s', async () => {
    live.start()
    await network.socketOpens()
    live.checkNow()
    expect(network.socket.sent.at(-1)).toEqual({ type: 'subscribe', room: 'active' })
    await network.pass(2500)
    expect(network.sockets[0]?.closed).toBe(true)
    expect(listener.lines).toContain('dropped all')
  })

  test('An open socket that answers stays', async () => {
    live.start()
    await network.socketOpens()
    live.checkNow()
    network.socket.frame({ type: 'active', data: [] })
    await network.pass(10_000)
    expect(network.sockets).toHaveLength(1)
    expect(listener.lines).not.toContain('dropped all')
  })
})
