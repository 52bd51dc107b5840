import diagnostics from 'node:diagnostics_channel'
import type { FastifyInstance } from 'fastify'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Role } from '@rollcall/shared'
import { createTestApp, type App } from '../../test/app/app.ts'

/** The routes that are open to everybody. Every other route asks for a sign-in. */
const open = [
  'GET /health/live',
  'GET /health/ready',
  'GET /metrics',
  'GET /openapi.json',
  'POST /activation/inspect',
  'POST /activation/accept',
  // The sign-in library authorizes its own routes, and staff/*.test.ts test that.
  'POST /api/auth/sign-in/email',
  'GET /api/auth/*',
  'POST /api/auth/*',
]

/** The routes that need another role than is usual: support for a read, and an admin for a write. */
const requiredRoles: Record<string, Role> = {
  'GET /mailbox/messages': 'admin',
  'GET /mailbox/messages/:id': 'admin',
  'GET /settings': 'admin',
  'PATCH /settings': 'superadmin',
}

interface Route {
  method: string
  url: string
}

const routes: Route[] = []
let app: App

function collect(message: unknown): void {
  const { fastify } = message as { fastify: FastifyInstance }
  fastify.addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat()) if (each !== 'HEAD') routes.push({ method: each, url })
  })
}

beforeAll(async () => {
  diagnostics.subscribe('fastify.initialization', collect)
  app = await createTestApp()
  diagnostics.unsubscribe('fastify.initialization', collect)
})
afterAll(() => app.close())

const nameOf = ({ method, url }: Route) => `${method} ${url}`
const isOpen = (route: Route) => open.includes(nameOf(route)) || /^\/docs(\/|$)/.test(route.url)
const guarded = () => routes.filter((route) => !isOpen(route))
const pathOf = ({ url }: Route) => url.replaceAll(/:\w+/g, 'anything')
const roleFor = (route: Route): Role => requiredRoles[nameOf(route)] ?? (route.method === 'GET' ? 'support' : 'admin')

function ask(route: Route, role: Role | null, headers: Record<string, string> = {}) {
  return app.call(route.method, pathOf(route), { role, headers, ...(route.method === 'GET' ? {} : { body: {} }) })
}

describe('every route', () => {
  it('The lists of open and of restricted routes name only routes that exist', () => {
    expect(guarded().length).toBeGreaterThan(20)
    const names = routes.map(nameOf)
    for (const name of [...open, ...Object.keys(requiredRoles)]) expect(names).toContain(name)
  })

  it('A route that is not open to everybody answers 401 without a sign-in, before it looks at anything else', async () => {
    for (const route of guarded()) {
      for (const headers of [
        {},
        { 'x-api-key': 'made-up' },
        { 'x-api-key': '' },
        { cookie: 'rollcall.session_token=made-up.signature' },
      ] as Record<string, string>[]) {
        const answer = await ask(route, null, headers)
        expect.soft([nameOf(route), answer.status, answer.code]).toEqual([nameOf(route), 401, 'SIGN_IN_REQUIRED'])
      }
    }
  })

  it('A route answers 403 to the roles below the one that it needs, and to no other', async () => {
    const ladder: Role[] = ['support', 'admin', 'superadmin']
    for (const route of guarded()) {
      for (const role of ladder) {
        const { status, code } = await ask(route, role)
        const allowed = ladder.indexOf(role) >= ladder.indexOf(roleFor(route))
        if (allowed) expect.soft([nameOf(route), role, status]).not.toEqual([nameOf(route), role, 403])
        else expect.soft([nameOf(route), role, status, code]).toEqual([nameOf(route), role, 403, 'FORBIDDEN'])
      }
    }
  })

  it('A route that writes refuses a page of another origin, also with a valid cookie', async () => {
    for (const route of guarded().filter(({ method }) => method !== 'GET')) {
      const headers = { cookie: app.staff.superadmin.cookie, origin: 'https://evil.example' }
      const answer = await ask(route, null, headers)
      expect.soft([nameOf(route), answer.status, answer.code]).toEqual([nameOf(route), 403, 'ORIGIN_NOT_ALLOWED'])
    }
  })
})

describe('what is not there', () => {
  it('A path that does not exist is answered in the shape of all failures, whoever asks and with whatever method', async () => {
    for (const [method, path] of [
      ['GET', '/nothing'],
      ['GET', '/crm/nothing'],
      ['DELETE', '/crm/leads'],
      ['PUT', '/settings'],
      ['POST', '/'],
      ['GET', '/crm/activation/sessions/a/b/c'],
      ['GET', '/..%2f..%2fetc/passwd'],
      ['GET', '//evil.example/'],
    ] as const) {
      const answer = await app.call(method, path, { role: null })
      expect.soft([method, path, answer.status, answer.code]).toEqual([method, path, 404, 'NOT_FOUND'])
      expect.soft(answer.msg.length).toBeGreaterThan(10)
    }
  })
})

describe('the headers of every answer', () => {
  it('The headers of every answer keep browsers from guessing types, framing pages and telling other hosts the referrer', async () => {
    for (const path of ['/health/live', '/crm/leads', '/nothing', '/openapi.json', '/docs/']) {
      const { headers } = await app.call('GET', path)
      expect.soft(headers.get('x-content-type-options')).toBe('nosniff')
      expect.soft(headers.get('referrer-policy')).toBe('same-origin')
      expect.soft(headers.get('x-frame-options')).toBe('SAMEORIGIN')
      const policy = headers.get('content-security-policy') ?? ''
      expect.soft(policy).toContain("default-src 'self'")
      expect.soft(policy).toContain("script-src 'self';")
      expect.soft(policy).toContain("frame-ancestors 'none'")
      // With this directive, browsers could not load the files of an installation without https.
      expect.soft(policy).not.toContain('upgrade-insecure-requests')
      expect.soft(policy).not.toMatch(/https?:/)
      expect.soft(headers.get('strict-transport-security')).toBeNull()
      expect.soft(headers.get('x-powered-by')).toBeNull()
    }
  })
})

describe('health and metrics', () => {
  it('Health and metrics are answered without a sign-in', async () => {
    expect(await app.call('GET', '/health/live', { role: null })).toMatchObject({ status: 200 })
    expect(await app.call('GET', '/health/ready', { role: null })).toMatchObject({ status: 200 })
    const metrics = await app.call('GET', '/metrics', { role: null })
    expect(metrics.headers.get('content-type')).toContain('text/plain')
    expect(metrics.text).toMatch(/^process_cpu_user_seconds_total /m)
    expect(metrics.text).toMatch(/^http_request_duration_seconds_count\{/m)
  })

  it('A server is not ready and answers every call with 503 while the database is away, and is ready again by itself', async () => {
    const name = new URL(app.test.url).pathname.slice(1)
    const elsewhere = new URL(app.test.url)
    elsewhere.pathname = '/postgres'
    const client = new Client({ connectionString: elsewhere.href })
    await client.connect()
    await client.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`)
    await client.query('SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1', [name])
    const ready = await app.call('GET', '/health/ready', { role: null })
    const live = await app.call('GET', '/health/live', { role: null })
    const calls = [
      await app.call('GET', '/crm/leads'),
      await app.call('GET', '/crm/leads', { role: null, headers: { cookie: app.staff.admin.cookie } }),
      await app.call('POST', '/activation/inspect', { role: null, body: { token: 'x' } }),
      await app.call('POST', '/api/auth/sign-in/email', {
        role: null,
        body: { email: 'a@example.com', password: 'x' },
      }),
    ]
    await client.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`)
    await client.end()
    expect(ready.status).toBe(503)
    expect(live.status).toBe(200)
    for (const call of calls) {
      expect.soft(call).toMatchObject({ status: 503, success: false, code: 'UNAVAILABLE' })
      expect.soft(call.headers.get('retry-after')).toMatch(/^\d+$/)
    }
    expect((await app.call('GET', '/health/ready', { role: null })).status).toBe(200)
    expect((await app.call('GET', '/crm/leads')).status).toBe(200)
  })
})
