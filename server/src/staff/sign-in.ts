import type { IncomingHttpHeaders } from 'node:http'
import type { Database } from '../db/database.ts'
import type { Identify, Staff } from '../http/authorization.ts'
import { type Auth, highestRole } from './auth.ts'
import { findGoodSignIns, findOwnerOfKey } from './staff.queries.ts'
import { apiKeyDigest, signInTokenOf } from '../vendor/better-auth.ts'

/** The longest text that is looked up as an API key. Those that Rollcall gives out are shorter. */
const keyMaximumLength = 200

/**
 * Creates the function that finds out who sent a request. It asks the database for every request, so what a superadmin takes
 * from somebody is gone at once. A request with an API key belongs to the owner of the key, whatever cookie came with it.
 */
export function createIdentify({ auth, database }: { auth: Auth; database: Database }): Identify {
  return async (headers) => {
    const key = headers['x-api-key']
    return key === undefined ? identifyByCookie(auth, headers) : identifyByKey(database, String(key))
  }
}

/**
 * Creates the function that says of many headers, with one statement, whether they still sign somebody in. It checks no
 * signature, so it is only for headers that `Identify` has accepted before. It answers false also where it cannot tell, and the
 * caller then asks `Identify`.
 */
export function createSignInCheck(database: Database): (all: IncomingHttpHeaders[]) => Promise<boolean[]> {
  return async (all) => {
    const proofs = all.map((headers) => {
      const key = headers['x-api-key']
      return key === undefined ? { token: signInTokenOf(headers.cookie ?? '') } : { digest: apiKeyDigest(String(key)) }
    })
    const found = await findGoodSignIns(database, {
      tokens: proofs.flatMap(({ token }) => token ?? []),
      digests: proofs.flatMap(({ digest }) => digest ?? []),
    })
    const good = new Set(found.filter(({ role }) => highestRole(role) !== null).map(({ proof }) => proof))
    return proofs.map(({ token, digest }) => good.has(token ?? digest ?? ''))
  }
}

async function identifyByKey(database: Database, key: string): Promise<Staff | null> {
  if (key === '' || key.length > keyMaximumLength) return null
  const owner = await findOwnerOfKey(database, apiKeyDigest(key))
  const role = highestRole(owner?.role)
  if (owner === null || role === null) return null
  return { id: owner.id, name: owner.name, email: owner.email, role, sessionExpiresAt: null }
}

async function identifyByCookie(auth: Auth, headers: IncomingHttpHeaders): Promise<Staff | null> {
  if (headers.cookie === undefined) return null
  const found = await auth.api.getSession({
    headers: new Headers({ cookie: headers.cookie }),
    query: { disableRefresh: true },
  })
  if (found === null) return null
  const { user, session } = found
  const role = highestRole(user.role)
  if (role === null || isBanned(user)) return null
  return { id: user.id, name: user.name, email: user.email, role, sessionExpiresAt: session.expiresAt }
}

function isBanned(user: { banned?: boolean | null; banExpires?: Date | null }): boolean {
  if (user.banned !== true) return false
  return user.banExpires === null || user.banExpires === undefined || user.banExpires > new Date()
}
