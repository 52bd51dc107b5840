import metrics from 'fastify-metrics'
import type { Pool } from 'pg'
import { isMigrated } from '../db/migrate.ts'
import type { Server } from './server.ts'

const tags = ['health']

/** Is the process there, can it work, and how is it doing. Not described in the envelope: other programs have their own ways to ask. */
export async function healthRoutes(server: Server, options: { pool: Pool }): Promise<void> {
  const { pool } = options
  await server.register(metrics.default, { endpoint: '/metrics', clearRegisterOnInit: true })

  server.get('/health/live', { schema: { summary: 'The process answers', tags, security: [] } }, async () => ({
    status: 'live',
  }))

  server.get(
    '/health/ready',
    { schema: { summary: 'Database and migrations are there', tags, security: [] } },
    async (request, reply) => {
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
