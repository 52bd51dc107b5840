import { pino } from 'pino'
import { afterAll, beforeAll, beforeEach, expect } from 'vitest'
import type { Role } from '@rollcall/shared'
import type { Database } from '../../src/db/database.ts'
import { decorateWithStaff, originsOf, requireRole } from '../../src/http/authorization.ts'
import { createServer, type Server } from '../../src/http/server.ts'
import { createAuth } from '../../src/staff/auth.ts'
import { ensureFirstSuperadmin } from '../../src/staff/first-staff.ts'
import { createIdentify } from '../../src/staff/sign-in.ts'
import { staffRoutes } from '../../src/staff/staff.routes.ts'
import { createTestDatabase, type TestDatabase } from '../database/database.ts'

export const publicUrl = 'http://localhost:3000'
const secret = 'a secret that is long enough for the tests of sign-in'
export const password = 'correct horse battery'
export const superadminEmail = 'root@example.com'

interface Call {
  body?: object
  cookie?: string
  key?: string
  origin?: string
  address?: string
  headers?: Record<string, string>
}
type Answer = Awaited<ReturnType<Server['inject']>>

/** A server with the routes of staff and one route for admins. Before each test, the only member of staff is one superadmin. */
export interface StaffBench {
  readonly database: TestDatabase
  call: (method: 'GET' | 'POST', url: string, options?: Call) => Promise<Answer>
  trySignIn: (email: string, secretWord?: string, more?: Call) => Promise<Answer>
  /** Signs a member of staff in, and returns the cookie that a browser would send afterwards. */
  signIn: (email?: string) => Promise<string>
  createStaff: (role: Role, email?: string) => Promise<{ id: string; cookie: string }>
  createKey: (cookie: string) => Promise<string>
}

/** Sets up a server and its database for the tests of a file, and closes them afterwards. */
export function staffBench(): StaffBench {
  let database: TestDatabase
  let server: Server

  beforeAll(async () => {
    database = await createTestDatabase()
    server = await serveStaff(database.database)
  })
  beforeEach(async () => {
    await database.pool.query('DELETE FROM staff_users; DELETE FROM staff_rate_limits')
    await ensureFirstSuperadmin({ database: database.database, email: superadminEmail, password })
  })
  afterAll(async () => {
    await server.close()
    await database.close()
  })

  const bench: StaffBench = {
    get database() {
      return database
    },
    call: (method, url, { body, cookie, key, address, ...rest } = {}) =>
      server.inject({
        method,
        url,
        ...(body === undefined ? {} : { payload: body }),
        ...(address === undefined ? {} : { remoteAddress: address }),
        headers: {
          origin: rest.origin ?? publicUrl,
          ...(cookie === undefined ? {} : { cookie }),
          ...(key === undefined ? {} : { 'x-api-key': key }),
          ...rest.headers,
        },
      }),
    trySignIn: (email, secretWord = password, more = {}) =>
      bench.call('POST', '/api/auth/sign-in/email', { ...more, body: { email, password: secretWord } }),
    async signIn(email = superadminEmail) {
      const response = await bench.trySignIn(email)
      expect(response.statusCode).toBe(200)
      return response.cookies.map(({ name, value }) => `${name}=${encodeURIComponent(value)}`).join('; ')
    },
    async createStaff(role, email = `${role}@example.com`) {
      const created = await bench.call('POST', '/api/auth/admin/create-user', {
        cookie: await bench.signIn(),
        body: { email, password, name: `A ${role}`, role },
      })
      expect(created.statusCode).toBe(200)
      return { id: created.json<{ user: { id: string } }>().user.id, cookie: await bench.signIn(email) }
    },
    async createKey(cookie) {
      const response = await bench.call('POST', '/api/auth/api-key/create', { cookie, body: { name: 'a program' } })
      expect(response.statusCode).toBe(200)
      return response.json<{ key: string }>().key
    },
  }
  return bench
}

/** Starts a server with these routes over a database. */
export async function serveStaff(over: Database) {
  const logger = pino({ level: 'silent' })
  const auth = createAuth({ database: over, secret, publicUrl, logger })
  const server = await createServer({ logger, https: false })
  decorateWithStaff(server, {
    identify: createIdentify({ auth, database: over }),
    allowedOrigins: originsOf(publicUrl),
  })
  await server.register(staffRoutes, {
    auth,
    publicUrl,
    installation: { builtInMailbox: true, importMaximumBytes: 1000 },
  })
  server.get('/for/admins', { preHandler: requireRole('admin') }, (request, reply) => reply.send(request.staff.email))
  return server
}
