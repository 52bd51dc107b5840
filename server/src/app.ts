import type { PgBoss } from 'pg-boss'
import type { Pool } from 'pg'
import rateLimit from '@fastify/rate-limit'
import type { FastifyBaseLogger } from 'fastify'
import { accountsRoutes } from './accounts/accounts.routes.ts'
import { accountOfLead } from './accounts/accounts.usecases.ts'
import { sessionsOfLead } from './activation/history/lead-sessions.usecases.ts'
import { confirmMailsOfAccount } from './activation/commands/confirmation.usecases.ts'
import { createLiveProgress } from './activation/history/live-progress.usecases.ts'
import { itemsRoutes } from './activation/routes/items.routes.ts'
import { sessionsRoutes } from './activation/routes/sessions.routes.ts'
import type { ActivationDeps } from './activation/session/activation-deps.ts'
import type { SessionTemplate } from './activation/session/template.ts'
import type { Database } from './db/database.ts'
import { answerUnknown } from './http/error-answers.ts'
import { healthRoutes } from './http/health.ts'
import { describeApi } from './http/openapi.ts'
import { decorateWithStaff, originsOf } from './http/authorization.ts'
import { createServer, type Server } from './http/server.ts'
import { serveWebApp } from './http/web.ts'
import type { ShutdownTimings } from './http/graceful-shutdown.ts'
import { leadsRoutes } from './leads/leads.routes.ts'
import { importMaximumBytes } from './leads/import/imports.usecases.ts'
import { mailboxRoutes } from './mail/mailbox/mailbox.routes.ts'
import { liveRoutes, liveTimings, type LiveTimings } from './realtime/live.routes.ts'
import { createConnectionRateLimit, connectionRates, type ConnectionRates } from './realtime/connection-rate-limit.ts'
import { createRooms, type Rooms } from './realtime/rooms.ts'
import { revalidateSignIns } from './realtime/sign-in-revalidation.ts'
import { streamRoutes, streamTimings, type StreamTimings } from './realtime/stream.routes.ts'
import type { Auth } from './staff/auth.ts'
import { createIdentify, createSignInCheck } from './staff/sign-in.ts'
import { settingsRoutes } from './settings/settings.routes.ts'
import { staffRoutes } from './staff/staff.routes.ts'

/** What the API is made of. */
export interface AppParts {
  database: Database
  pool: Pool
  boss: PgBoss
  auth: Auth
  rooms: Rooms
  activation: ActivationDeps
  publicUrl: string
  /** Whose `X-Forwarded-For` is believed. */
  trustedProxies?: string[]
  /** What a session that starts now sends. */
  template: () => Promise<SessionTemplate>
  builtInMailbox: boolean
  /** Where uploads lie while they come in. */
  spoolFolder: string
  /** The folder of the built web app; null where there is none to serve. */
  webFolder: string | null
  logger: FastifyBaseLogger
  /** Where this process runs activations: what its check of the counters says. */
  disagreeingSessions?: () => number | null
  /** Where a test cannot wait. */
  timings?: Partial<Timings & ShutdownTimings>
  connectionRates?: Partial<ConnectionRates>
}

/** In milliseconds. */
export interface Timings extends LiveTimings, StreamTimings {
  /** Between two checks of the sign-ins of open connections. */
  signIns: number
}
const usualTimings: Timings = { ...liveTimings, ...streamTimings, signIns: 3000 }

/** Every route by name. The server does not listen yet. */
export async function createApp(parts: AppParts): Promise<Server> {
  const { database, activation, auth, publicUrl, rooms } = parts
  const server = await createServer({
    logger: parts.logger,
    https: publicUrl.startsWith('https:'),
    trustedProxies: parts.trustedProxies,
    timings: parts.timings,
  })
  const identify = createIdentify({ auth, database })
  decorateWithStaff(server, { identify, allowedOrigins: originsOf(publicUrl) })
  await server.register(rateLimit, {
    global: false,
    errorResponseBuilder: (_request, { after }) =>
      Object.assign(new Error(`Too many requests; try again in ${after}.`), { statusCode: 429 }),
  })
  await describeApi(server, publicUrl)
  await server.register(healthRoutes, {
    pool: parts.pool,
    disagreeingSessions: parts.disagreeingSessions,
  })
  await server.register(staffRoutes, {
    auth,
    publicUrl,
    installation: { builtInMailbox: parts.builtInMailbox, importMaximumBytes },
  })
  await server.register(leadsRoutes, {
    database,
    spoolFolder: parts.spoolFolder,
    accountOfLead: (leadId: string) => accountOfLead(database, leadId),
    sessionsOfLead: (leadId: string) => sessionsOfLead(database, leadId),
  })
  await server.register(sessionsRoutes, { deps: activation, template: parts.template })
  await server.register(itemsRoutes, { database })
  await server.register(accountsRoutes, {
    database,
    now: activation.now,
    onActivated: async (transaction, accountId) => {
      const sessionIds = await confirmMailsOfAccount(transaction, accountId, activation.now())
      return () => activation.publish(sessionIds, false)
    },
  })
  await server.register(settingsRoutes, { database, now: activation.now })
  if (parts.builtInMailbox) await server.register(mailboxRoutes, { database })
  const timings = { ...usualTimings, ...parts.timings }
  const signIns = revalidateSignIns({
    identify,
    areValid: createSignInCheck(database),
    every: timings.signIns,
    logger: parts.logger,
  })
  server.addHook('onClose', async () => signIns.close())
  const connectionRateLimit = createConnectionRateLimit({ ...connectionRates, ...parts.connectionRates })
  await server.register(liveRoutes, { rooms, signIns, connectionRateLimit, now: activation.now, timings })
  await server.register(streamRoutes, { rooms, signIns, connectionRateLimit, timings })
  if (parts.webFolder === null) answerUnknown(server, () => false)
  else await serveWebApp(server, parts.webFolder)
  return server
}

/** The server of a process that runs activations only: health and metrics. */
export async function createWorkerApp(
  parts: Pick<AppParts, 'logger' | 'pool' | 'disagreeingSessions'>,
): Promise<Server> {
  const server = await createServer({ logger: parts.logger, https: false })
  await server.register(healthRoutes, {
    pool: parts.pool,
    disagreeingSessions: parts.disagreeingSessions,
  })
  answerUnknown(server, () => false)
  return server
}

/** The rooms of this node, which read from its database. */
export function openRooms(
  database: Database,
  logger: FastifyBaseLogger,
  mergeInterval?: (members: number) => number,
): Rooms {
  return createRooms({ source: createLiveProgress(database), logger, mergeInterval })
}
