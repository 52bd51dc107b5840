import { fastifySSE } from '@fastify/sse'
import { SessionParams } from '@rollcall/shared'
import { fileAnswers } from '../http/envelope.ts'
import { DomainError } from '../errors.ts'
import type { Server } from '../http/server.ts'
import type { Frame } from './frames.ts'
import type { ConnectionRateLimit } from './connection-rate-limit.ts'
import type { Rooms } from './rooms.ts'
import type { SignInRevalidation } from './sign-in-revalidation.ts'
import type { Subscriber } from './subscriber.ts'

/** So many bytes may wait for a client that does not read; then events are skipped. */
const bufferLimit = 64 * 1024

/** The times of the streams, in milliseconds. */
export interface StreamTimings {
  /** The time between two comments, which show proxies and browsers that the connection works. */
  comment: number
}
export const streamTimings: StreamTimings = { comment: 15_000 }

/** Registers `GET /crm/activation/progress/:sessionId/stream`: server-sent events, where a WebSocket cannot be opened. */
export async function streamRoutes(
  server: Server,
  options: {
    rooms: Rooms
    signIns: SignInRevalidation
    connectionRateLimit: ConnectionRateLimit
    timings: StreamTimings
  },
): Promise<void> {
  const { rooms, signIns, connectionRateLimit } = options
  const ends = new Set<() => void>()
  await server.register(fastifySSE, { heartbeatInterval: options.timings.comment })
  // A server that closes waits for its answers to end, and a stream does not end by itself.
  server.addHook('preClose', async () => {
    for (const end of ends) end()
  })

  server.get(
    '/crm/activation/progress/:sessionId/stream',
    {
      sse: 'manual',
      config: { endless: true },
      exposeHeadRoute: false,
      onRequest: connectionRateLimit.guard,
      schema: {
        summary: 'Progress as server-sent events',
        description:
          '`progress` events carry a whole progress, with its version as their id; `session-event` events carry an event of the session.',
        tags: ['live'],
        params: SessionParams,
        response: fileAnswers('text/event-stream', 'A stream of events'),
      },
    },
    async (request, reply) => {
      const { sessionId } = request.params
      const { raw } = reply
      const queued: Frame[] = []
      let open = false
      const write = (frame: Frame) => {
        raw.write(frame.event)
      }
      const subscriber: Subscriber = {
        ready: () => !raw.destroyed && raw.writableLength < bufferLimit,
        send: (frame) => (open ? write(frame) : queued.push(frame)),
      }
      // Registered before the room is joined, because the client may disconnect while its progress is being read.
      reply.sse.onClose(() => rooms.leaveAll(subscriber))
      if (!(await rooms.join(sessionId, subscriber, seenVersion(request.headers['last-event-id']))))
        throw new DomainError('SESSION_NOT_FOUND', 'No active activation session found')
      if (raw.destroyed) {
        rooms.leaveAll(subscriber)
        reply.hijack()
        return
      }
      void reply.header('x-accel-buffering', 'no').header('cache-control', 'no-cache, no-transform')
      reply.sse.keepAlive()
      reply.sse.sendHeaders()
      open = true
      for (const frame of queued) write(frame)
      raw.on('drain', () => rooms.catchUp(subscriber))
      const end = () => reply.sse.close()
      const unwatch = signIns.watch(request.headers, end)
      ends.add(end)
      reply.sse.onClose(() => {
        ends.delete(end)
        unwatch()
      })
    },
  )
}

/** Returns the version in a `Last-Event-ID` header; 0 where there is none. */
function seenVersion(header: string | string[] | undefined): number {
  const version = Number(header)
  return Number.isSafeInteger(version) && version > 0 ? version : 0
}
