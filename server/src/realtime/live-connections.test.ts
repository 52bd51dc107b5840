import net from 'node:net'
import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { until } from '../../test/app/activation.ts'
import { createTestApp, framesOf, type App } from '../../test/app/app.ts'
import { setUpLiveApp } from '../../test/app/live.ts'
import { keepLog, troubles } from '../../test/app/log.ts'

const live = setUpLiveApp()
const { watch, pausedSession, raiseVersion } = live

describe('frames that are not understood', () => {
  const wrong: unknown[] = [
    'not JSON',
    '',
    '[]',
    'null',
    '42',
    '{"type":"subscribe"}',
    '{"type":"subscribe","sessionId":5}',
    '{"type":"subscribe","room":"everything"}',
    '{"type":"subscribe","sessionId":"a","room":"active"}',
    { type: 'publish', sessionId: 'a' },
  ]
  it('frames that are not understood are answered with BAD_FRAME, and the tenth closes the connection with 1008', async () => {
    const watcher = await watch()
    const sessionId = await pausedSession()
    for (const frame of wrong.slice(0, 9)) watcher.send(frame)
    watcher.send({ type: 'subscribe', sessionId })
    await watcher.progress(sessionId)
    expect(framesOf(watcher, 'error').map(({ code }) => code)).toEqual(Array.from({ length: 9 }, () => 'BAD_FRAME'))
    expect(watcher.socket.readyState).toBe(WebSocket.OPEN)
    watcher.send(wrong[9])
    expect((await watcher.closed).code).toBe(1008)
    expect(framesOf(watcher, 'error')).toHaveLength(10)
  })

  it('a binary frame is not understood', async () => {
    const watcher = await watch()
    watcher.socket.send(Buffer.from('{"type":"subscribe","room":"active"}'), { binary: true })
    expect(await watcher.frame((frame) => frame.type === 'error')).toMatchObject({ code: 'BAD_FRAME' })
  })

  it('a frame of more than 64 KiB closes the connection with 1009, and one of 64 KiB does not', async () => {
    const watcher = await watch()
    watcher.send('x'.repeat(64 * 1024))
    await watcher.frame((frame) => frame.type === 'error')
    watcher.send('x'.repeat(64 * 1024 + 1))
    expect((await watcher.closed).code).toBe(1009)
  })
})

describe('an id that no session has', () => {
  it('an id that no session has is answered with SESSION_NOT_FOUND however long it is, and never closes the connection', async () => {
    const watcher = await watch()
    const ids = ['', 'x', 'x'.repeat(100), ...Array.from({ length: 12 }, () => 'x'.repeat(60_000))]
    for (const sessionId of ids) watcher.send({ type: 'subscribe', sessionId })
    for (const sessionId of ids) watcher.send({ type: 'unsubscribe', sessionId })
    const sessionId = await pausedSession()
    watcher.send({ type: 'subscribe', sessionId })
    await watcher.progress(sessionId)
    const errors = framesOf(watcher, 'error')
    expect(errors.map(({ code }) => code)).toEqual(ids.map(() => 'SESSION_NOT_FOUND'))
    expect(errors.slice(0, 4).map((each) => each.sessionId)).toEqual([...ids.slice(0, 3), undefined])
    expect(watcher.socket.readyState).toBe(WebSocket.OPEN)
  })
})

describe('a connection that breaks or is slow', () => {
  it('a connection that a client breaks is not logged as a failure of the server', async () => {
    const { logger, lines } = keepLog()
    const logged = await createTestApp({ logger })
    const [large, torn] = [await logged.watch(), await logged.watch()]
    large.send('x'.repeat(64 * 1024 + 1))
    expect((await large.closed).code).toBe(1009)
    // These bytes are no frame at all (RFC 6455 section 5.2: a client masks).
    const { _socket: socket } = torn.socket as unknown as { _socket: net.Socket }
    socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff]))
    await torn.closed
    await until(
      async () => lines.filter(({ msg }) => msg === 'live connection broke').length,
      (count) => count === 2,
    )
    expect(troubles(lines)).toEqual([])
    await logged.close()
  })

  it('a client is sent heartbeat frames and pings at intervals', async () => {
    const quick = await createTestApp({ timings: { heartbeat: 100, pongWithin: 10_000 } })
    const watcher = await quick.watch()
    let pings = 0
    watcher.socket.on('ping', () => (pings += 1))
    await until(
      async () => framesOf(watcher, 'heartbeat').length,
      (count) => count >= 3,
    )
    const times = framesOf(watcher, 'heartbeat').map(({ at }) => at)
    expect(times).toEqual(times.map((at) => new Date(at).toISOString()).toSorted())
    expect(pings).toBeGreaterThanOrEqual(2)
    expect(watcher.socket.readyState).toBe(WebSocket.OPEN)
    watcher.close()
    await quick.close()
  })

  it('a client that does not answer a ping is disconnected', async () => {
    const quick = await createTestApp({ timings: { heartbeat: 200, pongWithin: 100 } })
    const dead = new WebSocket(`${quick.url.replace('http', 'ws')}/crm/activation/live`, {
      headers: { 'x-api-key': quick.staff.admin.key },
      autoPong: false,
    })
    const code = await new Promise((resolve) => dead.on('close', resolve))
    expect(code).toBe(1006)
    await quick.close()
  })

  it('a client that did not read gets only the newest once its buffers have drained, and nobody else waits for it', async () => {
    const sessionId = await pausedSession()
    const other = await watch()
    other.send({ type: 'subscribe', sessionId })
    await other.progress(sessionId)
    const stalled = await openStalled(live.app, sessionId)
    // The progress is made as large as possible, so that the buffers of the kernel are full soon.
    await live.app.test.pool.query('UPDATE sessions SET started_by_name = $2, version = version + 1 WHERE id = $1', [
      sessionId,
      'x'.repeat(900_000),
    ])
    let newest = 0
    for (let round = 0; round < 15; round++) {
      newest = await raiseVersion(sessionId)
      const asked = performance.now()
      live.app.rooms.publish([sessionId], true)
      await other.progress(sessionId, ({ version }) => version === newest)
      expect(performance.now() - asked).toBeLessThan(2000)
    }
    await live.app.test.pool.query(`UPDATE sessions SET started_by_name = 'Ada' WHERE id = $1`, [sessionId])
    const versions = await stalled.readUntil(newest)
    expect(versions).toEqual(versions.toSorted((a, b) => a - b))
    expect(new Set(versions).size).toBe(versions.length)
    expect(versions.length).toBeLessThan(12)
    stalled.close()
  })
})

describe('a server that closes', () => {
  it('a server that closes ends every connection with 1012, and does not wait for a client that is silent', async () => {
    const other = await createTestApp({ timings: { drain: 200 } })
    const clients = [await other.watch(), await other.watch(), await other.watch()]
    const silent = await openStalled(other, 'activation_1704123456789_a7bc3d2f1')
    const begun = performance.now()
    await other.close()
    expect(performance.now() - begun).toBeLessThan(8000)
    for (const client of clients) expect((await client.closed).code).toBe(1012)
    silent.close()
  })
})

/** Opens a client that subscribes and then reads nothing until the test lets it. */
async function openStalled(of: App, sessionId: string) {
  const { port, hostname } = new URL(of.url)
  const socket = net.connect({ port: Number(port), host: hostname })
  socket.write(
    [
      'GET /crm/activation/live HTTP/1.1',
      `Host: ${hostname}:${port}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      `x-api-key: ${of.staff.admin.key}`,
      '',
      '',
    ].join('\r\n'),
  )
  const first = await new Promise<Buffer>((resolve) => socket.once('data', resolve))
  expect(first.toString()).toContain('101')
  socket.pause()
  const frame = Buffer.from(JSON.stringify({ type: 'subscribe', sessionId }))
  // This is a masked text frame whose mask is all zeros (RFC 6455 section 5.2).
  socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | frame.length, 0, 0, 0, 0]), frame]))
  const chunks: Buffer[] = []
  return {
    /** Reads on; returns the versions of all progress frames up to this one. */
    async readUntil(version: number): Promise<number[]> {
      socket.on('data', (chunk) => chunks.push(chunk))
      socket.resume()
      return until(
        async () =>
          Array.from(
            Buffer.concat(chunks)
              .toString('latin1')
              .matchAll(/"version":(\d+),"status"/g),
            (match) => Number(match[1]),
          ),
        (versions) => versions.includes(version),
      )
    },
    close: () => socket.destroy(),
  }
}
