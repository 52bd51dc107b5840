import net from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { Value } from 'typebox/value'
import { Progress, SessionEvent, type ServerFrame } from '@rollcall/shared'
import { createTestApp, framesOf, openWatcher, type App, type Watcher } from '../../test/app.ts'
import { actor, until } from '../../test/activation.ts'
import { startSmtpServer, type TestSmtpServer } from '../../test/smtp.ts'
import { pullLever } from '../activation/levers.usecases.ts'

const own = 'http://localhost:3000'
let app: App
let smtp: TestSmtpServer
const watchers: Watcher[] = []

beforeAll(async () => {
  app = await createTestApp()
  smtp = await startSmtpServer()
  await app.activation.work(`${smtp.url}?connections=4&ignoreTLS=true`)
})
afterEach(() => {
  for (const watcher of watchers.splice(0)) watcher.close()
  smtp.script = () => undefined
})
afterAll(async () => {
  await app.close()
  await smtp.stop()
})

async function watch(headers?: Record<string, string>): Promise<Watcher> {
  const watcher = await app.watch(headers)
  watchers.push(watcher)
  return watcher
}

/** A session that waits for a person, so that nothing of it changes by itself. */
async function pausedSession(leads = 3): Promise<string> {
  const { sessionId } = await app.activation.start(
    { ids: await app.activation.addLeads(leads) },
    { startAt: new Date(Date.now() + 3_600_000).toISOString() },
  )
  await pullLever(app.activation.parts, 'pause', sessionId, actor)
  return sessionId
}

/** Changes the stored progress without anything else happening. */
async function raiseVersion(sessionId: string): Promise<number> {
  const { rows } = await app.test.pool.query<{ version: string }>(
    'UPDATE sessions SET version = version + 1 WHERE id = $1 RETURNING version',
    [sessionId],
  )
  return Number(rows[0]?.version)
}

describe('signing in to the live connection', () => {
  const refusals: [string, () => Record<string, string>, string][] = [
    ['nobody', () => ({}), '401'],
    ['nobody, from a page of ours', () => ({ origin: own }), '401'],
    ['an unknown key', () => ({ 'x-api-key': 'made-up' }), '401'],
    ['a made-up cookie', () => ({ cookie: 'rollcall.session_token=made.up', origin: own }), '401'],
    ['a foreign page with a cookie', () => ({ cookie: app.staff.admin.cookie, origin: 'https://evil.example' }), '403'],
    [
      'a page whose name only begins like ours',
      () => ({ cookie: app.staff.admin.cookie, origin: `${own}.evil.example` }),
      '403',
    ],
    ['a page without a name', () => ({ cookie: app.staff.admin.cookie, origin: 'null' }), '403'],
    ['a cookie from nowhere', () => ({ cookie: app.staff.admin.cookie }), '403'],
    ['a key from a foreign page', () => ({ 'x-api-key': app.staff.admin.key, origin: 'https://evil.example' }), '403'],
  ]
  it.each(refusals)('refuses %s before the upgrade', async (_who, headers, status) => {
    await expect(app.watch(headers())).rejects.toThrow(`refused with ${status}`)
  })

  it('takes the cookie from a page of ours, and an API key from a program, whoever may read', async () => {
    const sessionId = await pausedSession()
    const entries: Record<string, string>[] = [
      { cookie: app.staff.support.cookie, origin: own },
      { 'x-api-key': app.staff.support.key },
      { 'x-api-key': app.staff.superadmin.key, origin: own },
    ]
    for (const headers of entries) {
      const watcher = await watch(headers)
      watcher.send({ type: 'subscribe', sessionId })
      expect((await watcher.progress(sessionId)).status).toBe('paused')
    }
  })

  it('tells in the shape of every failure that it is no page', async () => {
    expect(await app.call('GET', '/crm/activation/live')).toMatchObject({ status: 400, code: 'BAD_REQUEST' })
    expect(await app.call('GET', '/crm/activation/live', { role: null })).toMatchObject({ status: 401 })
  })

  it('closes with 4401 within seconds when the person signs out, and leaves the sockets of others', async () => {
    const cookie = await app.signIn('support')
    const leaving = [await watch({ cookie, origin: own }), await watch({ cookie, origin: own })]
    const staying = await watch({ cookie: app.staff.support.cookie, origin: own })
    await fetch(`${app.url}/api/auth/sign-out`, { method: 'POST', headers: { cookie, origin: own } })
    for (const watcher of leaving) expect((await watcher.closed).code).toBe(4401)
    await app.call('GET', '/health/live')
    expect(staying.socket.readyState).toBe(WebSocket.OPEN)
  })

  it('closes with 4401 when the key is taken away', async () => {
    const made = await fetch(`${app.url}/api/auth/api-key/create`, {
      method: 'POST',
      headers: { cookie: app.staff.admin.cookie, origin: own, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'for a while' }),
    })
    const { id, key } = (await made.json()) as { id: string; key: string }
    const watcher = await watch({ 'x-api-key': key })
    await app.test.pool.query('DELETE FROM staff_api_keys WHERE id = $1', [id])
    expect((await watcher.closed).code).toBe(4401)
  })
})

describe('a room', () => {
  it('gives the progress at once, and again at every change until it is completed', async () => {
    const ids = await app.activation.addLeads(40)
    smtp.script = (moment) => (moment === 'DOT' ? { delay: 20 } : undefined)
    const { sessionId } = await app.activation.start({ ids })
    const watcher = await watch()
    watcher.send({ type: 'subscribe', sessionId })
    const last = await watcher.progress(sessionId, ({ completed }) => completed)
    const progresses = framesOf(watcher, 'progress').map(({ data }) => data)
    expect(progresses.length).toBeGreaterThan(2)
    expect(progresses.every((each) => Value.Check(Progress, each))).toBe(true)
    const versions = progresses.map(({ version }) => version)
    expect(versions).toEqual([...new Set(versions)].toSorted((a, b) => a - b))
    for (const { accounts, mails, total } of progresses) {
      expect(Object.values(accounts).reduce((sum, each) => sum + each)).toBe(total)
      expect(Object.values(mails).reduce((sum, each) => sum + each)).toBe(total)
    }
    expect(last).toEqual(await app.activation.progress(sessionId))
  })

  it('is answered with an error frame where the session is unknown, whatever its id looks like, and stays open', async () => {
    const watcher = await watch()
    const unknown = ['activation_1704123456789_a7bc3d2f1', 'nonsense', '\0', '%00', "'; --", '../..']
    for (const sessionId of unknown) watcher.send({ type: 'subscribe', sessionId })
    const errors = await until(
      async () => framesOf(watcher, 'error'),
      (frames) => frames.length === unknown.length,
    )
    expect(errors.every(({ code }) => code === 'SESSION_NOT_FOUND')).toBe(true)
    expect(new Set(errors.map(({ sessionId }) => sessionId))).toEqual(new Set(unknown))
    const sessionId = await pausedSession()
    watcher.send({ type: 'subscribe', sessionId })
    await watcher.progress(sessionId)
  })

  it('is one of many on the same connection, and says nothing more once it is left', async () => {
    const sessions = await Promise.all(Array.from({ length: 5 }, () => pausedSession()))
    const watcher = await watch()
    for (const sessionId of sessions) watcher.send({ type: 'subscribe', sessionId })
    for (const sessionId of sessions) await watcher.progress(sessionId)
    const [left, ...others] = sessions as [string, ...string[]]
    watcher.send({ type: 'unsubscribe', sessionId: left })
    // A frame is answered after those before it.
    watcher.send('not JSON')
    await watcher.frame((frame) => frame.type === 'error')
    const raised = new Map<string, number>()
    for (const sessionId of sessions) raised.set(sessionId, await raiseVersion(sessionId))
    app.rooms.ring(sessions, false)
    for (const sessionId of others)
      await watcher.progress(sessionId, ({ version }) => version === raised.get(sessionId))
    const ofLeft = framesOf(watcher, 'progress').filter(({ data }) => data.sessionId === left)
    expect(ofLeft).toHaveLength(1)
  })

  it('merges changes to at most ten frames a second and always sends the last', async () => {
    const sessionId = await pausedSession()
    const watcher = await watch()
    watcher.send({ type: 'subscribe', sessionId })
    await watcher.progress(sessionId)
    const before = watcher.frames.length
    const begun = performance.now()
    let newest = 0
    while (performance.now() - begun < 1000) {
      newest = await raiseVersion(sessionId)
      app.rooms.ring([sessionId], false)
      await wait(1)
    }
    await watcher.progress(sessionId, ({ version }) => version === newest)
    const seconds = (performance.now() - begun) / 1000
    const frames = watcher.frames.slice(before)
    expect(frames.length).toBeGreaterThan(3)
    expect(frames.length).toBeLessThanOrEqual(Math.ceil(seconds * 10) + 1)
  })

  it('tells a change of status at once, also between two merged frames, with its event', async () => {
    const sessionId = await pausedSession()
    const watcher = await watch()
    watcher.send({ type: 'subscribe', sessionId })
    await watcher.progress(sessionId)
    await raiseVersion(sessionId)
    app.rooms.ring([sessionId], false)
    await watcher.progress(sessionId, ({ version }) => version > 1)
    const asked = performance.now()
    await pullLever(app.activation.parts, 'cancel', sessionId, actor)
    await watcher.progress(sessionId, ({ status }) => status === 'cancelled')
    expect(performance.now() - asked).toBeLessThan(1000)
    const { data } = await watcher.frame((frame) => frame.type === 'event')
    expect(Value.Check(SessionEvent, data)).toBe(true)
    expect(data).toMatchObject({ type: 'cancelled', actor, cause: null })
  })

  it('gives everybody who is in it each event once and in order, and none from before they came', async () => {
    const sessionId = await pausedSession()
    const early = await watch()
    early.send({ type: 'subscribe', sessionId })
    await early.progress(sessionId)
    await pullLever(app.activation.parts, 'resume', sessionId, actor)
    await until(
      async () => framesOf(early, 'event').map(({ data }) => data.type),
      (types) => types.includes('resumed'),
    )
    const late = await watch()
    late.send({ type: 'subscribe', sessionId })
    await late.progress(sessionId)
    const done = (frame: ServerFrame): frame is Extract<ServerFrame, { type: 'event' }> =>
      frame.type === 'event' && frame.data.type === 'completed'
    await early.frame(done)
    await late.frame(done)
    const stored = (await app.call<{ events: SessionEvent[] }>('GET', `/crm/activation/sessions/${sessionId}`)).data
      .events
    const seen = framesOf(early, 'event').map(({ data }) => data)
    expect(seen).toEqual(stored.filter(({ type }) => !['started', 'paused'].includes(type)))
    const lateTypes = framesOf(late, 'event').map(({ data }) => data.type)
    expect(lateTypes).toEqual([...new Set(lateTypes)])
    expect(lateTypes).not.toContain('paused')
  })
})

describe('the list of sessions that run', () => {
  it('comes at once, and again in a tab that was open already when a session starts and when it ends', async () => {
    const watcher = await watch({ cookie: app.staff.support.cookie, origin: own })
    watcher.send({ type: 'subscribe', room: 'active' })
    await watcher.frame((frame) => frame.type === 'active')
    const sessionId = await pausedSession()
    const lists = (frame: ServerFrame): frame is Extract<ServerFrame, { type: 'active' }> =>
      frame.type === 'active' && frame.data.some((each) => each.sessionId === sessionId)
    const { data } = await watcher.frame(lists)
    expect(data.every((each) => Value.Check(Progress, each) && !each.completed)).toBe(true)
    const from = watcher.frames.length
    await pullLever(app.activation.parts, 'cancel', sessionId, actor)
    const after = await watcher.frame((frame) => frame.type === 'active', from)
    expect(after.data.map((each) => each.sessionId)).not.toContain(sessionId)
  })

  it('comes again for whoever asks again', async () => {
    const watcher = await watch()
    for (let asked = 1; asked <= 3; asked++) {
      watcher.send({ type: 'subscribe', room: 'active' })
      await until(
        async () => framesOf(watcher, 'active').length,
        (count) => count === asked,
      )
    }
  })
})

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
  it('are answered with BAD_FRAME, and the tenth closes with 1008', async () => {
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

  it('may be binary', async () => {
    const watcher = await watch()
    watcher.socket.send(Buffer.from('{"type":"subscribe","room":"active"}'), { binary: true })
    expect(await watcher.frame((frame) => frame.type === 'error')).toMatchObject({ code: 'BAD_FRAME' })
  })

  it('close with 1009 when they are larger than 64 KiB, and not when they are as large', async () => {
    const watcher = await watch()
    watcher.send('x'.repeat(64 * 1024))
    await watcher.frame((frame) => frame.type === 'error')
    watcher.send('x'.repeat(64 * 1024 + 1))
    expect((await watcher.closed).code).toBe(1009)
  })
})

describe('a line that breaks or is slow', () => {
  it('is told every so often that it stands, and is asked back', async () => {
    const quick = await createTestApp({ timings: { heartbeat: 100, pongWithin: 50 } })
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

  it('is cut when it does not answer', async () => {
    const quick = await createTestApp({ timings: { heartbeat: 200, pongWithin: 100 } })
    const dead = new WebSocket(`${quick.url.replace('http', 'ws')}/crm/activation/live`, {
      headers: { 'x-api-key': quick.staff.admin.key },
      autoPong: false,
    })
    const code = await new Promise((resolve) => dead.on('close', resolve))
    expect(code).toBe(1006)
    await quick.close()
  })

  it('gets only the newest after it drained, and nobody else waits for it', async () => {
    const sessionId = await pausedSession()
    const other = await watch()
    other.send({ type: 'subscribe', sessionId })
    await other.progress(sessionId)
    const stalled = await openStalled(app, sessionId)
    // Progress as large as it gets, so that the buffers of the kernel are full soon.
    await app.test.pool.query('UPDATE sessions SET started_by_name = $2, version = version + 1 WHERE id = $1', [
      sessionId,
      'x'.repeat(900_000),
    ])
    let newest = 0
    for (let round = 0; round < 15; round++) {
      newest = await raiseVersion(sessionId)
      const asked = performance.now()
      app.rooms.ring([sessionId], true)
      await other.progress(sessionId, ({ version }) => version === newest)
      expect(performance.now() - asked).toBeLessThan(2000)
    }
    await app.test.pool.query(`UPDATE sessions SET started_by_name = 'Ada' WHERE id = $1`, [sessionId])
    const versions = await stalled.readUntil(newest)
    expect(versions).toEqual(versions.toSorted((a, b) => a - b))
    expect(new Set(versions).size).toBe(versions.length)
    expect(versions.length).toBeLessThan(12)
    stalled.close()
  })
})

describe('a server that closes', () => {
  it('tells every client with 1012, and is not held up by one that is silent', async () => {
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

describe('two nodes on one database', () => {
  it('show the same changes to whoever watches at either', async () => {
    const second = await app.another()
    const here = await watch()
    const there = await second.watch()
    watchers.push(there)
    const ids = await app.activation.addLeads(30)
    for (const watcher of [here, there]) watcher.send({ type: 'subscribe', room: 'active' })
    await there.frame((frame) => frame.type === 'active')
    const { sessionId } = await app.activation.start({ ids })
    for (const watcher of [here, there]) watcher.send({ type: 'subscribe', sessionId })
    const last = await there.progress(sessionId, ({ completed }) => completed)
    expect(await here.progress(sessionId, ({ completed }) => completed)).toEqual(last)
    const seen = new Map(framesOf(here, 'progress').map(({ data }) => [data.version, data]))
    for (const { data } of framesOf(there, 'progress'))
      if (seen.has(data.version)) expect(data).toEqual(seen.get(data.version))
  })
})

/** A client that subscribes and then reads nothing until it is told to. */
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
  // A masked text frame with a mask of zeros (RFC 6455 section 5.2).
  socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | frame.length, 0, 0, 0, 0]), frame]))
  const chunks: Buffer[] = []
  return {
    /** Reads on; gives the versions of all progress frames up to this one. */
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

it('leaves nobody in a room whose socket closed while the room was being read', async () => {
  const sessionId = await pausedSession()
  const before = await app.test.pool.connect()
  await before.query('BEGIN')
  await before.query('LOCK TABLE events IN ACCESS EXCLUSIVE MODE')
  const watcher = await openWatcher(app.url, { 'x-api-key': app.staff.admin.key })
  watcher.send({ type: 'subscribe', sessionId })
  await until(
    async () =>
      (
        await app.test.pool.query(
          `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%events%'`,
        )
      ).rowCount,
    (count) => count === 1,
  )
  watcher.close()
  await watcher.closed
  await before.query('COMMIT')
  before.release()
  await until(
    async () => app.rooms.size,
    (size) => size === 0,
  )
})
