import { fastifySSE } from '@fastify/sse'
import { SessionParams } from '../activation/sessions.routes.ts'
import { Refusal } from '../http/refusal.ts'
import { requireRole } from '../http/roles.ts'
import type { Server } from '../http/server.ts'
import type { Rooms, Subscriber } from './rooms.ts'

/** What proxies and browsers need to see to know that the line stands. */
const commentEvery = 15_000
const bufferLimit = 64 * 1024
/** A stream is asked for anew now and then, so that a sign-in that ended ends it too. */
const longest = 5 * 60_000

/** `GET /crm/activation/progress/:sessionId/stream`: server-sent events, where a WebSocket cannot be had. */
export async function streamRoutes(server: Server, options: { rooms: Rooms }): Promise<void> {
  const { rooms } = options
  await server.register(fastifySSE, { heartbeatInterval: commentEvery })

  server.get(
    '/crm/activation/progress/:sessionId/stream',
    {
      sse: 'only',
      preHandler: requireRole('support'),
      schema: {
        summary: 'Progress as server-sent events',
        tags: ['live'],
        params: SessionParams,
        produces: ['text/event-stream'],
      },
    },
    async (request, reply) => {
      const { sessionId } = request.params
      const { raw } = reply
      const queued: Parameters<Subscriber['send']>[0][] = []
      let open = false
      const write = (frame: Parameters<Subscriber['send']>[0]) => {
        raw.write(eventText(frame))
      }
      const subscriber: Subscriber = {
        ready: () => !raw.destroyed && raw.writableLength < bufferLimit,
        send: (frame) => (open ? write(frame) : queued.push(frame)),
      }
      if (!(await rooms.join(sessionId, subscriber, seenVersion(request.headers['last-event-id']))))
        throw new Refusal(404, 'SESSION_NOT_FOUND', 'No active activation session found')
      void reply.header('x-accel-buffering', 'no').header('cache-control', 'no-cache, no-transform')
      reply.sse.keepAlive()
      reply.sse.sendHeaders()
      open = true
      for (const frame of queued) write(frame)
      raw.on('drain', () => rooms.catchUp(subscriber))
      const timer = setTimeout(() => reply.sse.close(), longest)
      reply.sse.onClose(() => {
        clearTimeout(timer)
        rooms.leaveAll(subscriber)
      })
    },
  )
}

function eventText({ type, text, version }: Parameters<Subscriber['send']>[0]): string {
  const { data, sessionId } = JSON.parse(text) as { data: unknown; sessionId?: string }
  if (type === 'progress') return `id: ${version}\nevent: progress\ndata: ${JSON.stringify(data)}\n\n`
  return `event: session-event\ndata: ${JSON.stringify({ sessionId, data })}\n\n`
}

function seenVersion(header: string | string[] | undefined): number {
  const version = Number(header)
  return Number.isSafeInteger(version) && version > 0 ? version : 0
}
