import http from 'node:http'
import net from 'node:net'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Progress, SessionEvent } from '@rollcall/shared'
import { actor, until } from '../../test/app/activation.ts'
import { createTestApp, type App } from '../../test/app/app.ts'
import { runCommand } from '../activation/commands/commands.usecases.ts'

let app: App
beforeAll(async () => {
  app = await createTestApp({ timings: { comment: 100 } })
})
afterAll(() => app.close())

async function pausedSession(of: App = app): Promise<string> {
  const { sessionId } = await of.activation.start(
    { ids: await of.activation.addLeads(3) },
    { startAt: new Date(Date.now() + 3_600_000).toISOString() },
  )
  await runCommand(of.activation.deps, 'pause', sessionId, actor)
  return sessionId
}

async function raiseVersion(sessionId: string): Promise<number> {
  const { rows } = await app.test.pool.query<{ version: string }>(
    'UPDATE sessions SET version = version + 1 WHERE id = $1 RETURNING version',
    [sessionId],
  )
  app.rooms.publish([sessionId], false)
  return Number(rows[0]?.version)
}

interface Stream {
  status: number
  headers: http.IncomingHttpHeaders
  text: string
  ended: boolean
  stop(): void
}

/** Opens the stream and reads whatever comes. */
function openStream(of: App, sessionId: string, headers: Record<string, string> = {}): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const request = http.get(
      `${of.url}/crm/activation/progress/${sessionId}/stream`,
      { headers: { 'x-api-key': of.staff.support.key, accept: 'text/event-stream', ...headers } },
      (response) => {
        const stream: Stream = {
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: '',
          ended: false,
          stop: () => request.destroy(),
        }
        response.on('data', (chunk: Buffer) => (stream.text += chunk.toString('utf8')))
        response.on('close', () => (stream.ended = true))
        response.on('error', () => undefined)
        resolve(stream)
      },
    )
    request.on('error', reject)
  })
}

const progressesOf = ({ text }: Stream) =>
  Array.from(text.matchAll(/^id: (\d+)\nevent: progress\ndata: (.*)\n$/gm), ([, id, data]) => {
    const progress = JSON.parse(data ?? '') as Progress
    expect(progress.version).toBe(Number(id))
    return progress
  })

const untilText = (stream: Stream, wanted: (stream: Stream) => boolean) => until(async () => stream, wanted)

describe('the stream of server-sent events', () => {
  it('a stream carries the progress at once with its version as the id, then every change, and events', async () => {
    const sessionId = await pausedSession()
    const stream = await openStream(app, sessionId)
    expect(stream.status).toBe(200)
    expect(stream.headers).toMatchObject({ 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' })
    expect(stream.headers['cache-control']).toContain('no-cache')
    expect(stream.headers['cache-control']).toContain('no-transform')
    await untilText(stream, (each) => progressesOf(each).length === 1)
    const newest = await raiseVersion(sessionId)
    await untilText(stream, (each) => progressesOf(each).at(-1)?.version === newest)
    await runCommand(app.activation.deps, 'cancel', sessionId, actor)
    await untilText(stream, (each) => progressesOf(each).at(-1)?.status === 'cancelled')
    const event = JSON.parse(/event: session-event\ndata: (.*)/.exec(stream.text)?.[1] ?? '{}') as {
      data: SessionEvent
    }
    expect(event).toMatchObject({ sessionId, data: { type: 'cancelled', actor } })
    stream.stop()
  })

  it('a stream carries comments at intervals, which show that the connection works', async () => {
    const stream = await openStream(app, await pausedSession())
    await untilText(stream, ({ text }) => text.split('\n').filter((line) => line.startsWith(':')).length >= 3)
    stream.stop()
  })

  it('a stream continues after the version that the client has seen, and begins anew where that version never existed', async () => {
    const sessionId = await pausedSession()
    const version = await raiseVersion(sessionId)
    const resumed = await openStream(app, sessionId, { 'last-event-id': String(version) })
    const mistaken = await openStream(app, sessionId, { 'last-event-id': '999999' })
    const garbled = await openStream(app, sessionId, { 'last-event-id': 'nonsense' })
    for (const stream of [mistaken, garbled]) {
      await untilText(stream, (each) => progressesOf(each).length === 1)
      expect(progressesOf(stream)[0]?.version).toBe(version)
    }
    const next = await raiseVersion(sessionId)
    await untilText(resumed, (each) => progressesOf(each).length === 1)
    expect(progressesOf(resumed)[0]?.version).toBe(next)
    for (const stream of [resumed, mistaken, garbled]) stream.stop()
  })

  it('a stream is refused before it begins where the session is unknown, and where nobody is signed in', async () => {
    for (const sessionId of ['activation_1704123456789_a7bc3d2f1', 'nonsense']) {
      const answer = await app.call('GET', `/crm/activation/progress/${sessionId}/stream`)
      expect(answer).toMatchObject({
        status: 404,
        success: false,
        code: 'SESSION_NOT_FOUND',
        msg: 'No active activation session found',
      })
    }
    const sessionId = await pausedSession()
    const refused = await app.call('GET', `/crm/activation/progress/${sessionId}/stream`, { role: null })
    expect(refused).toMatchObject({ status: 401, code: 'SIGN_IN_REQUIRED' })
  })

  it('a stream is opened whatever media types a client accepts, and not by a HEAD request', async () => {
    const sessionId = await pausedSession()
    for (const accept of ['*/*', 'text/html', 'application/json', 'text/event-stream;q=0']) {
      const stream = await openStream(app, sessionId, { accept })
      expect(stream.headers['content-type']).toBe('text/event-stream')
      stream.stop()
    }
    const head = await app.call('HEAD', `/crm/activation/progress/${sessionId}/stream`)
    expect(head.status).toBe(404)
  })

  it('a stream is never compressed, because compressing would delay it', async () => {
    const sessionId = await pausedSession()
    const stream = await openStream(app, sessionId, { 'accept-encoding': 'gzip, br' })
    expect(stream.headers['content-encoding']).toBeUndefined()
    await untilText(stream, (each) => progressesOf(each).length === 1)
    stream.stop()
  })

  it('a client that disconnects before or after the stream began is in no room afterwards', async () => {
    const sessionId = await pausedSession()
    const streams = await Promise.all(Array.from({ length: 5 }, () => openStream(app, sessionId)))
    for (const stream of streams) stream.stop()
    const { port, hostname } = new URL(app.url)
    for (let each = 0; each < 10; each++) {
      const socket = net.connect(Number(port), hostname)
      socket.end(
        `GET /crm/activation/progress/${sessionId}/stream HTTP/1.1\r\nHost: x\r\nx-api-key: ${app.staff.support.key}\r\n\r\n`,
        () => socket.destroy(),
      )
    }
    await until(
      async () => app.rooms.size,
      (size) => size === 0,
    )
  })

  it('a stream that cannot be opened because the database is away leaves nobody in a room', async () => {
    const sessionId = await pausedSession()
    await app.test.pool.query('ALTER TABLE events RENAME TO events_away')
    const answer = await app.call('GET', `/crm/activation/progress/${sessionId}/stream`)
    await app.test.pool.query('ALTER TABLE events_away RENAME TO events')
    expect(answer.status).toBe(500)
    expect(answer.code).toBe('INTERNAL')
    expect(app.rooms.size).toBe(0)
  })

  it('a stream ends within seconds when the person signs out', async () => {
    const sessionId = await pausedSession()
    const cookie = await app.signIn('support')
    const stream = await new Promise<http.IncomingMessage>((resolve) =>
      http.get(`${app.url}/crm/activation/progress/${sessionId}/stream`, { headers: { cookie } }, resolve),
    )
    stream.resume()
    const ended = new Promise((resolve) => stream.on('end', resolve))
    await fetch(`${app.url}/api/auth/sign-out`, {
      method: 'POST',
      headers: { cookie, origin: 'http://localhost:3000' },
    })
    await ended
  })

  it('a stream ends when the server closes, and delays that by no more than a moment', async () => {
    const other = await createTestApp()
    const stream = await openStream(other, await pausedSession(other))
    const begun = performance.now()
    await other.close()
    expect(performance.now() - begun).toBeLessThan(5000)
    expect(stream.ended).toBe(true)
  })
})

describe('polling the progress', () => {
  const path = (sessionId: string) => `/crm/activation/progress/${sessionId}`

  it('polling is answered with 304 until there is a newer version', async () => {
    const sessionId = await pausedSession()
    const first = await app.call<Progress>('GET', path(sessionId), { role: 'support' })
    const etag = first.headers.get('etag') ?? ''
    expect(etag).toBe(`"${first.data.version}"`)
    for (const tag of [etag, `W/${etag}`, `"1000", W/${etag}`, '*']) {
      const again = await app.call('GET', path(sessionId), { headers: { 'if-none-match': tag } })
      expect(again).toMatchObject({ status: 304, text: '' })
      expect(again.headers.get('etag')).toBe(etag)
    }
    await raiseVersion(sessionId)
    const changed = await app.call<Progress>('GET', path(sessionId), { headers: { 'if-none-match': etag } })
    expect(changed.status).toBe(200)
    expect(changed.data.version).toBe(first.data.version + 1)
  })

  it('a compressed answer has the same version as its ETag, which is accepted in the next request', async () => {
    const sessionId = await pausedSession()
    await app.test.pool.query('UPDATE sessions SET started_by_name = $2 WHERE id = $1', [sessionId, 'x'.repeat(3000)])
    const answer = await new Promise<{ headers: http.IncomingHttpHeaders; body: Buffer }>((resolve) =>
      http.get(
        app.url + path(sessionId),
        { headers: { 'x-api-key': app.staff.support.key, 'accept-encoding': 'gzip' } },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('end', () => resolve({ headers: response.headers, body: Buffer.concat(chunks) }))
        },
      ),
    )
    expect(answer.headers['content-encoding']).toBe('gzip')
    const { data } = JSON.parse(gunzipSync(answer.body).toString()) as { data: Progress }
    expect(answer.headers.etag?.replace(/^W\//, '')).toBe(`"${data.version}"`)
    const again = await app.call('GET', path(sessionId), {
      headers: { 'if-none-match': answer.headers.etag ?? '', 'accept-encoding': 'gzip' },
    })
    expect(again.status).toBe(304)
  })

  it('a HEAD request is answered with the headers only', async () => {
    const sessionId = await pausedSession()
    const head = await app.call('HEAD', path(sessionId))
    expect(head).toMatchObject({ status: 200, text: '' })
    expect(head.headers.get('etag')).toMatch(/^"\d+"$/)
    expect((await app.call('HEAD', path('nonsense'))).status).toBe(404)
  })

  it('polling an unknown session is answered in the words of the contract', async () => {
    const answer = await app.call('GET', path('activation_1704123456789_a7bc3d2f1'))
    expect(answer).toMatchObject({ status: 404, success: false, msg: 'No active activation session found' })
    expect(answer.headers.get('etag')).toBeNull()
  })
})
