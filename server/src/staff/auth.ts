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

/** Carries the address of the client to the sign-in library; what a client sends under this name is dropped. */
export const clientAddressHeader = 'x-rollcall-client-address'

export const authPath = '/api/auth'

const statements = {
  user: ['create', 'list', 'get', 'update', 'set-role', 'set-email', 'set-password', 'ban', 'delete'],
  session: ['list', 'revoke', 'delete'],
} as const
const access = createAccessControl(statements)
const nothing = access.newRole({ user: [], session: [] })
const everything = access.newRole({ user: [...statements.user], session: [...statements.session] })

/** Only a superadmin manages staff; what a role may do elsewhere is said by `requireRole`. */
const managementByRole = { support: nothing, admin: nothing, superadmin: everything } satisfies Record<Role, unknown>

/** Ways in and out that Rollcall does not offer: there is no mail for staff, nobody signs up, nobody comes from elsewhere. */
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

/** In characters; the web app and the configuration say the same. */
const passwordLength = { minimum: 10, maximum: 128 }

const tryingPasswords = { window: 60, max: 20 }

interface Options {
  database: Database
  secret: string
  /** `PUBLIC_URL`, without a slash at the end. */
  publicUrl: string
  logger: Logger
}

/** The sign-in of staff: accounts, sessions, roles and API keys. It calls no other host. */
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
      // Said outright: the library would switch the checks off by itself in a test.
      disableOriginCheck: false,
      disableCSRFCheck: false,
      ipAddress: { ipAddressHeaders: [clientAddressHeader] },
      database: { generateId: () => randomUUID() },
    },
    // What is not the library's own failure is thrown to the routes, and answered as everywhere else.
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

/** The library checks the length of a password everywhere but where somebody new is given one. */
function requirePassword({ password }: ManagementBody): void {
  const length = typeof password === 'string' ? password.length : 0
  if (length < passwordLength.minimum) throw new APIError('BAD_REQUEST', { code: 'PASSWORD_TOO_SHORT' })
  if (length > passwordLength.maximum) throw new APIError('BAD_REQUEST', { code: 'PASSWORD_TOO_LONG' })
}

/** So that a superadmin is always left: one who could give up the role could be the last. */
async function keepOwnRole(context: Parameters<typeof getSessionFromCtx>[0], body: ManagementBody): Promise<void> {
  if (body.role === undefined && body.data?.role === undefined) return
  const session = await getSessionFromCtx(context)
  // The library makes a text of whatever was sent, so the comparison must too.
  if (String(body.userId) === session?.user.id)
    throw new APIError('FORBIDDEN', { message: 'Nobody can change their own role; ask another superadmin.' })
}

/** Whoever knew the password that a superadmin replaces is signed out. */
const endSessionsOfOldPassword = createAuthMiddleware(async (context) => {
  if (context.path !== '/admin/set-user-password' || context.context.returned instanceof Error) return
  const { userId } = context.body as ManagementBody
  await context.context.internalAdapter.deleteUserSessions(String(userId))
})

/** The highest of the roles in a stored list, which has one as a rule; null where it has none that Rollcall knows. */
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
