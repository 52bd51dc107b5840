import { randomUUID } from 'node:crypto'
import { apiKey } from '@better-auth/api-key'
import { roles, type Role } from '@rollcall/shared'
import { betterAuth } from 'better-auth'
import { drizzleAdapter } from 'better-auth/adapters/drizzle'
import { APIError, createAuthMiddleware, getSessionFromCtx } from 'better-auth/api'
import { admin } from 'better-auth/plugins'
import { createAccessControl } from 'better-auth/plugins/access'
import type { Logger } from 'pino'
import type { Database } from '../db/database.ts'
import { originsOf } from '../http/authorization.ts'
import { cookiePrefix } from '../vendor/better-auth.ts'
import { countRequest, removeOldCounts } from './staff.queries.ts'
import { staffAccounts, staffApiKeys, staffSessions, staffUsers, staffVerifications } from './staff.table.ts'

export type Auth = ReturnType<typeof createAuth>

/** The header by which the sign-in library gets the client's address. A value that a client sends under this name is overwritten. */
export const clientAddressHeader = 'x-rollcall-client-address'

export const authPath = '/api/auth'

const statements = {
  user: ['create', 'list', 'get', 'update', 'set-role', 'set-email', 'set-password', 'ban', 'delete'],
  session: ['list', 'revoke', 'delete'],
} as const
const access = createAccessControl(statements)
const nothing = access.newRole({ user: [], session: [] })
const everything = access.newRole({ user: [...statements.user], session: [...statements.session] })

/** What each role may do in the library's management of staff: everything for a superadmin, else nothing. `requireRole` guards all other routes. */
const managementByRole = { support: nothing, admin: nothing, superadmin: everything } satisfies Record<Role, unknown>

/** Routes of the library that Rollcall does not offer: staff get no mail, do not sign up, and do not sign in through other services. */
const disabledPaths = [
  '/sign-up/email',
  '/sign-in/social',
  '/link-social',
  '/request-password-reset',
  '/reset-password',
  '/send-verification-email',
  '/verify-email',
  '/admin/impersonate-user',
  '/admin/stop-impersonating',
  '/error',
]

/** The allowed length of a password in characters. The web app and the configuration have the same numbers. */
const passwordLength = { minimum: 10, maximum: 128 }

const tryingPasswords = { window: 60, max: 20 }

interface Options {
  database: Database
  secret: string
  /** `PUBLIC_URL`, without a slash at the end. */
  publicUrl: string
  logger: Logger
}

/** Creates the sign-in library for staff: accounts, sessions, roles and API keys. It calls no other host. */
export function createAuth({ database, secret, publicUrl, logger }: Options) {
  return betterAuth({
    appName: 'Rollcall',
    baseURL: publicUrl,
    basePath: authPath,
    secret,
    trustedOrigins: originsOf(publicUrl),
    telemetry: { enabled: false },
    database: drizzleAdapter(database, {
      provider: 'pg',
      schema: {
        user: staffUsers,
        session: staffSessions,
        account: staffAccounts,
        verification: staffVerifications,
        apikey: staffApiKeys,
      },
    }),
    emailAndPassword: {
      enabled: true,
      disableSignUp: true,
      minPasswordLength: passwordLength.minimum,
      maxPasswordLength: passwordLength.maximum,
    },
    verification: { storeIdentifier: 'hashed' },
    disabledPaths,
    rateLimit: {
      enabled: true,
      window: 60,
      max: 300,
      customRules: {
        '/sign-in/email': tryingPasswords,
        '/change-password': tryingPasswords,
        '/verify-password': tryingPasswords,
        '/get-session': false,
      },
      customStorage: rateLimitStorage(database),
    },
    advanced: {
      cookiePrefix,
      useSecureCookies: publicUrl.startsWith('https:'),
      defaultCookieAttributes: { httpOnly: true, sameSite: 'lax' },
      // Both are set explicitly, because the library turns the checks off when it finds itself in a test.
      disableOriginCheck: false,
      disableCSRFCheck: false,
      ipAddress: { ipAddressHeaders: [clientAddressHeader] },
      database: { generateId: () => randomUUID() },
    },
    // The library throws what is not its own failure, so that the server's error handler answers it.
    onAPIError: { throw: true },
    hooks: { before: guardManagement, after: endSessionsOfOldPassword },
    logger: {
      level: 'warn',
      log: (level, message, ...details) => logger[level]({ details }, `sign-in: ${message}`),
    },
    plugins: [
      admin({
        ac: access,
        roles: managementByRole,
        adminRoles: ['superadmin'],
        defaultRole: 'support',
        bannedUserMessage: 'This account was blocked; ask a superadmin.',
      }),
      apiKey({ rateLimit: { enabled: false }, requireName: true, defaultKeyLength: 48 }),
    ],
  })
}

const guardManagement = createAuthMiddleware(async (context) => {
  const body = (context.body ?? {}) as ManagementBody
  if (context.path === '/admin/create-user') requirePassword(body)
  if (context.path === '/admin/set-role' || context.path === '/admin/update-user') await keepOwnRole(context, body)
})

interface ManagementBody {
  userId?: unknown
  password?: unknown
  role?: unknown
  data?: { role?: unknown }
}

/** Checks the length of the password of new staff, which is the one place where the library does not. */
function requirePassword({ password }: ManagementBody): void {
  const length = typeof password === 'string' ? password.length : 0
  if (length < passwordLength.minimum) throw new APIError('BAD_REQUEST', { code: 'PASSWORD_TOO_SHORT' })
  if (length > passwordLength.maximum) throw new APIError('BAD_REQUEST', { code: 'PASSWORD_TOO_LONG' })
}

/** Refuses a change of one's own role, so that the last superadmin cannot give up the role. */
async function keepOwnRole(context: Parameters<typeof getSessionFromCtx>[0], body: ManagementBody): Promise<void> {
  if (body.role === undefined && body.data?.role === undefined) return
  const session = await getSessionFromCtx(context)
  // The library turns any id that is sent into text, so the comparison does the same.
  if (String(body.userId) === session?.user.id)
    throw new APIError('FORBIDDEN', { message: 'Nobody can change their own role; ask another superadmin.' })
}

/** Ends the sessions of somebody whose password a superadmin replaces, because others may have known it. */
const endSessionsOfOldPassword = createAuthMiddleware(async (context) => {
  if (context.path !== '/admin/set-user-password' || context.context.returned instanceof Error) return
  const { userId } = context.body as ManagementBody
  await context.context.internalAdapter.deleteUserSessions(String(userId))
})

/** Returns the highest role in a stored, comma-separated list, which usually has one; null where Rollcall knows none of them. */
export function highestRole(stored: string | null | undefined): Role | null {
  const held = stored?.split(',') ?? []
  return roles.findLast((role) => held.includes(role)) ?? null
}

function rateLimitStorage(database: Database) {
  return {
    consume: async (key: string, rule: { window: number; max: number }) => {
      const { count, secondsLeft } = await countRequest(database, key, rule.window)
      if (count === 1) await removeOldCounts(database)
      return count <= rule.max ? { allowed: true, retryAfter: null } : { allowed: false, retryAfter: secondsLeft }
    },
  }
}
