import type { PgBoss } from 'pg-boss'
import type { Pool } from 'pg'
import rateLimit from '@fastify/rate-limit'
import type { FastifyBaseLogger } from 'fastify'
import { accountsRoutes } from './accounts/accounts.routes.ts'
import { accountOfLead } from './accounts/accounts.usecases.ts'
import { sessionsOfLead } from './activation/history/lead-sessions.usecases.ts'
import { confirmMailsOfAccount } from './activation/commands/confirmation.usecases.ts'
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
import type { Rooms } from './realtime/rooms.ts'
import { revalidateSignIns } from './realtime/sign-in-revalidation.ts'
import { streamRoutes, streamTimings, type StreamTimings } from './realtime/stream.routes.ts'
import type { Auth } from './staff/auth.ts'
import { createIdentify, createSignInCheck } from './staff/sign-in.ts'
import { settingsRoutes } from './settings/settings.routes.ts'
import { staffRoutes } from './staff/staff.routes.ts'

/** What the API needs. */
export interface AppDeps {
  database: Database
  pool: Pool
  boss: PgBoss
  auth: Auth
  rooms: Rooms
  activation: ActivationDeps
  publicUrl: string
  /** The addresses and networks whose `X-Forwarded-For` is believed. */
  trustedProxies?: string[]
  /** Reads the template of a session that starts now. */
  template: () => Promise<SessionTemplate>
  builtInMailbox: boolean
  /** The folder in which uploads are kept while they arrive. */
  spoolFolder: string
  /** The folder of the built web app; null where there is none to serve. */
  webFolder: string | null
  logger: FastifyBaseLogger
  /** In a process that runs activations: how many sessions its counter audit found to disagree. */
  disagreeingSessions?: () => number | null
  /** Shorter times for tests. */
  timings?: Partial<Timings & ShutdownTimings>
  connectionRates?: Partial<ConnectionRates>
}

/** In milliseconds. */
export interface Timings extends LiveTimings, StreamTimings {
  /** Between two checks of the sign-ins of open connections. */
  signIns: number
}
const usualTimings: Timings = { ...liveTimings, ...streamTimings, signIns: 3000 }

/** Creates the server with every route. It does not listen yet. */
export async function createApp(deps: AppDeps): Promise<Server> {
  const { database, activation, auth, publicUrl, rooms } = deps
  const server = await createServer({
    logger: deps.logger,
    https: publicUrl.startsWith('https:'),
    trustedProxies: deps.trustedProxies,
    timings: deps.timings,
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
    pool: deps.pool,
    disagreeingSessions: deps.disagreeingSessions,
  })
  await server.register(staffRoutes, {
    auth,
    publicUrl,
    installation: { builtInMailbox: deps.builtInMailbox, importMaximumBytes },
  })
  await server.register(leadsRoutes, {
    database,
    spoolFolder: deps.spoolFolder,
    accountOfLead: (leadId: string) => accountOfLead(database, leadId),
    sessionsOfLead: (leadId: string) => sessionsOfLead(database, leadId),
  })
  await server.register(sessionsRoutes, { deps: activation, template: deps.template })
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
  if (deps.builtInMailbox) await server.register(mailboxRoutes, { database })
  const timings = { ...usualTimings, ...deps.timings }
  const signIns = revalidateSignIns({
    identify,
    areValid: createSignInCheck(database),
    every: timings.signIns,
    logger: deps.logger,
  })
  server.addHook('onClose', async () => signIns.close())
  const connectionRateLimit = createConnectionRateLimit({ ...connectionRates, ...deps.connectionRates })
  await server.register(liveRoutes, { rooms, signIns, connectionRateLimit, now: activation.now, timings })
  await server.register(streamRoutes, { rooms, signIns, connectionRateLimit, timings })
  if (deps.webFolder === null) answerUnknown(server, () => false)
  else await serveWebApp(server, deps.webFolder)
  return server
}

/** Creates the server of a process that only runs activations. It has health and metrics. */
export async function createWorkerApp(deps: Pick<AppDeps, 'logger' | 'pool' | 'disagreeingSessions'>): Promise<Server> {
  const server = await createServer({ logger: deps.logger, https: false })
  await server.register(healthRoutes, {
    pool: deps.pool,
    disagreeingSessions: deps.disagreeingSessions,
  })
  answerUnknown(server, () => false)
  return server
}
