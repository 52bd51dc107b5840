import metrics from 'fastify-metrics'
import type { RouteOptions } from 'fastify'
import type { Pool } from 'pg'
import { Type } from 'typebox'
import { strict } from '@rollcall/shared'
import { isMigrated } from '../db/migrate.ts'
import type { Server } from './server.ts'

const tags = ['health']
const Status = strict({ status: Type.String() })
const metricsRoute: RouteOptions = {
  method: 'GET',
  url: '/metrics',
  exposeHeadRoute: false,
  schema: {
    summary: 'How it is doing, in the text format of Prometheus',
    tags,
    security: [],
    produces: ['text/plain'],
    response: { 200: Type.String() },
  },
  handler: () => undefined,
}

/** Is the process there, can it work, and how is it doing. Not described in the envelope: other programs have their own ways to ask. */
export async function healthRoutes(
  server: Server,
  options: {
    pool: Pool
    /** How many sessions' counters disagree with their items; null while that is not known. Left out where nobody checks. */
    disagreeingSessions?: () => number | null
  },
): Promise<void> {
  const { pool, disagreeingSessions } = options
  await server.register(metrics.default, { endpoint: metricsRoute, clearRegisterOnInit: true })
  if (disagreeingSessions !== undefined) tellDisagreeing(server, disagreeingSessions)

  server.get(
    '/health/live',
    { schema: { summary: 'The process answers', tags, security: [], response: { 200: Status } } },
    async () => ({ status: 'live' }),
  )

  server.get(
    '/health/ready',
    {
      schema: {
        summary: 'Database and migrations are there, and the process is not about to stop',
        tags,
        security: [],
        response: { 200: Status, 503: Status },
      },
    },
    async (request, reply) => {
      if (server.isWithdrawing()) return reply.code(503).send({ status: 'stopping' })
      try {
        if (await isMigrated(pool)) return { status: 'ready' }
        return reply.code(503).send({ status: 'the migrations are not in yet' })
      } catch (error) {
        request.log.warn({ err: error }, 'not ready')
        return reply.code(503).send({ status: 'the database does not answer' })
      }
    },
  )
}

/** Not a number while it is not known: a zero would say that all is well. */
function tellDisagreeing(server: Server, disagreeing: () => number | null): void {
  void new server.metrics.client.Gauge({
    name: 'rollcall_sessions_disagreeing',
    help: 'Sessions whose counters are not what their items say; anything but 0 is a mistake.',
    collect() {
      this.set(disagreeing() ?? NaN)
    },
  })
}
