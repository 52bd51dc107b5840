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

/** Routes for the programs that look after a process: whether it lives, whether it can work, and its metrics. They have their own formats, without the envelope. */
export async function healthRoutes(
  server: Server,
  options: {
    pool: Pool
    /** How many sessions have counters that disagree with their items; null while that is not known. Left out in a process that does not audit them. */
    disagreeingSessions?: () => number | null
  },
): Promise<void> {
  const { pool, disagreeingSessions } = options
  await server.register(metrics.default, { endpoint: metricsRoute, clearRegisterOnInit: true })
  if (disagreeingSessions !== undefined) registerDisagreeingGauge(server, disagreeingSessions)

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
      if (server.isShuttingDown()) return reply.code(503).send({ status: 'stopping' })
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

/** Adds the gauge of sessions whose counters disagree. It is NaN while the number is not known, because zero would say that all is well. */
function registerDisagreeingGauge(server: Server, disagreeing: () => number | null): void {
  void new server.metrics.client.Gauge({
    name: 'rollcall_sessions_disagreeing',
    help: 'Sessions whose counters are not what their items say; anything but 0 is a mistake.',
    collect() {
      this.set(disagreeing() ?? NaN)
    },
  })
}
