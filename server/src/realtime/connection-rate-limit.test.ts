import http from 'node:http'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createTestApp, type App } from '../../test/app/app.ts'
import { decorateWithStaff } from '../http/authorization.ts'
import { createServer } from '../http/server.ts'
import { createConnectionRateLimit } from './connection-rate-limit.ts'

const own = 'http://localhost:3000'
const unknownSession = '/crm/activation/progress/activation_1704123456789_a7bc3d2f1/stream'
let app: App

beforeAll(async () => {
  app = await createTestApp({
    // The buckets refill so slowly that no test lasts until there is another token.
    connectionRates: { person: { atOnce: 4, aSecond: 0.001 }, stranger: { atOnce: 3, aSecond: 0.001 } },
  })
})
afterAll(() => app.close())

/** Requests a WebSocket; returns the status and the body of a refusal. */
function open(
  headers: Record<string, string>,
): Promise<{ status: number; retryAfter: string | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    const request = http.get(`${app.url}/crm/activation/live`, {
      agent: false,
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        ...headers,
      },
    })
    request.on('upgrade', (_response, socket) => {
      socket.destroy()
      resolve({ status: 101, retryAfter: undefined, text: '' })
    })
    request.on('response', (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString()))
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, retryAfter: response.headers['retry-after'], text }),
      )
    })
    request.on('error', reject)
  })
}

async function openTimes(count: number, headers: Record<string, string>): Promise<number[]> {
  const statuses: number[] = []
  for (let each = 0; each < count; each++) statuses.push((await open(headers)).status)
  return statuses
}

describe('opening live connections too often', () => {
  it('a person who opens too many connections is refused with 429 and Retry-After, in the shape of every failure', async () => {
    const { cookie } = app.staff.support
    expect(await openTimes(4, { cookie, origin: own })).toEqual([101, 101, 101, 101])
    const refused = await open({ cookie, origin: own })
    expect(refused.status).toBe(429)
    expect(JSON.parse(refused.text)).toMatchObject({ success: false, code: 'TOO_MANY_REQUESTS' })
    const seconds = Number(refused.retryAfter)
    expect(seconds).toBeGreaterThan(900)
    expect(seconds).toBeLessThanOrEqual(1000)
  })

  it('a connection is accepted again after the time in Retry-After, and as many at once after a rest', async () => {
    let milliseconds = 0
    const server = await createServer({ logger: pino({ level: 'silent' }), https: false })
    const staff = { id: 'ada', name: 'Ada', email: 'ada@crm.example', role: 'support', sessionExpiresAt: null } as const
    decorateWithStaff(server, { identify: async () => staff, allowedOrigins: [] })
    const rate = { atOnce: 3, aSecond: 2 }
    const { guard } = createConnectionRateLimit({ person: rate, stranger: rate }, () => milliseconds)
    server.get('/', { onRequest: guard }, async () => null)
    const ask = async () => (await server.inject('/')).statusCode
    const askTimes = async (count: number) => {
      const statuses: number[] = []
      for (let each = 0; each < count; each++) statuses.push(await ask())
      return statuses
    }
    expect(await askTimes(4)).toEqual([200, 200, 200, 429])
    expect((await server.inject('/')).headers['retry-after']).toBe('1')
    milliseconds += 499
    expect(await ask()).toBe(429)
    milliseconds += 1
    expect(await askTimes(2)).toEqual([200, 429])
    milliseconds += 100_000
    expect(await askTimes(4)).toEqual([200, 200, 200, 429])
    await server.close()
  })

  it('the limit of a person in browsers applies neither to their programs nor to others behind the same address', async () => {
    const { admin, superadmin } = app.staff
    expect((await openTimes(6, { cookie: admin.cookie, origin: own })).at(-1)).toBe(429)
    expect((await open({ 'x-api-key': admin.key })).status).toBe(101)
    expect((await open({ cookie: superadmin.cookie, origin: own })).status).toBe(101)
  })

  it('the WebSockets and the streams of a person count together toward the limit', async () => {
    const headers = { 'x-api-key': app.staff.superadmin.key }
    expect(await openTimes(3, headers)).toEqual([101, 101, 101])
    const asked = { role: 'superadmin' } as const
    expect((await app.call('GET', unknownSession, asked)).status).toBe(404)
    const refused = await app.call('GET', unknownSession, asked)
    expect(refused).toMatchObject({ status: 429, success: false, code: 'TOO_MANY_REQUESTS' })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
  })

  it('requests without a sign-in count by address, and do not limit those who are signed in', async () => {
    const stranger = { 'x-api-key': 'made-up', 'x-forwarded-for': '192.0.2.7' }
    const statuses = await openTimes(6, stranger)
    expect(statuses.slice(0, 3)).toEqual([401, 401, 401])
    expect(statuses.at(-1)).toBe(429)
    const elsewhere = { ...stranger, 'x-forwarded-for': '192.0.2.8' }
    expect((await open(elsewhere)).status).toBe(401)
    const signedIn = { 'x-api-key': app.staff.support.key, 'x-forwarded-for': '192.0.2.7' }
    expect((await open(signedIn)).status).toBe(101)
  })
})

describe('many tabs of one person', () => {
  it('a hundred tabs of one person connect again after a restart, three times in a row', async () => {
    const usual = await createTestApp()
    const { cookie } = usual.staff.support
    for (let restart = 0; restart < 3; restart++) {
      const tabs = await Promise.all(Array.from({ length: 100 }, () => usual.watch({ cookie, origin: own })))
      for (const tab of tabs) tab.close()
    }
    await usual.close()
  })
})
