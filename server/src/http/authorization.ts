import type { IncomingHttpHeaders } from 'node:http'
import type { preHandlerAsyncHookHandler } from 'fastify'
import { roleAllows, type Role } from '@rollcall/shared'
import { DomainError } from '../errors.ts'
import type { Server } from './server.ts'

/** Somebody who is signed in, or the owner of the API key that a program used. */
export interface Staff {
  id: string
  name: string
  email: string
  role: Role
  /** When the sign-in ends; null for an API key. */
  sessionExpiresAt: Date | null
}

/** Finds out by cookie or API key who sent these headers; null where they sign nobody in. */
export type Identify = (headers: IncomingHttpHeaders) => Promise<Staff | null>

declare module 'fastify' {
  interface FastifyRequest {
    /** Who sent the request. `requireRole` sets it, and reading it on a route without that guard throws. */
    staff: Staff
  }
  interface FastifyInstance {
    identify: Identify
    allowedOrigins: readonly string[]
  }
}

/** Gives the routes of a server `request.staff` and what `requireRole` needs. */
export function decorateWithStaff(
  server: Server,
  options: { identify: Identify; allowedOrigins: readonly string[] },
): void {
  server.decorate('identify', options.identify)
  server.decorate('allowedOrigins', options.allowedOrigins)
  const people = new WeakMap<object, Staff>()
  server.decorateRequest('staff', {
    getter() {
      const staff = people.get(this)
      if (staff === undefined) throw new Error('This route has no requireRole.')
      return staff
    },
    setter(staff: Staff) {
      people.set(this, staff)
    },
  })
}

/**
 * Makes the guard of a route for a role and those above it.
 *
 * @throws DomainError SIGN_IN_REQUIRED, FORBIDDEN for a lower role, ORIGIN_NOT_ALLOWED for a write from a foreign page
 */
export function requireRole(role: Role): preHandlerAsyncHookHandler {
  return async function guard(request) {
    const staff = await request.server.identify(request.headers)
    if (staff === null) throw new DomainError('SIGN_IN_REQUIRED', 'Sign in to go on.')
    if (!roleAllows(staff.role, role))
      throw new DomainError('FORBIDDEN', `This needs the role ${role}; you are signed in as ${staff.role}.`)
    if (!mayWriteFrom(request.headers, request.method, request.server.allowedOrigins))
      throw new DomainError('ORIGIN_NOT_ALLOWED', "This request does not come from one of Rollcall's own pages.")
    request.staff = staff
  }
}

/** True unless the request is a write that a browser sent, with its cookie, from a page that is not one of Rollcall's own. */
function mayWriteFrom(headers: IncomingHttpHeaders, method: string, allowedOrigins: readonly string[]): boolean {
  const reads = method === 'GET' || method === 'HEAD'
  return (
    reads ||
    headers['x-api-key'] !== undefined ||
    headers.origin === undefined ||
    allowedOrigins.includes(headers.origin)
  )
}

/** The origins of Rollcall's own pages: PUBLIC_URL and, where that is on this machine, the other usual names of the machine. */
export function originsOf(publicUrl: string): string[] {
  const url = new URL(publicUrl)
  const local = ['localhost', '127.0.0.1', '[::1]']
  if (!local.includes(url.hostname)) return [url.origin]
  return local.map((hostname) => `${url.protocol}//${hostname}${url.port === '' ? '' : `:${url.port}`}`)
}
