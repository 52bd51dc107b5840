import websocket from '@fastify/websocket'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { WebSocket } from 'ws'
import { ClientFrame, closeCodes, Failure, heartbeatMilliseconds, SessionId, type ErrorCode } from '@rollcall/shared'
import { DomainError } from '../errors.ts'
import type { Server } from '../http/server.ts'
import { Frame } from './frames.ts'
import { LiveClient } from './live-client.ts'
import type { ConnectionRateLimit } from './connection-rate-limit.ts'
import type { Rooms } from './rooms.ts'
import type { SignInRevalidation } from './sign-in-revalidation.ts'
import { forEachYielding } from '../util/for-each-yielding.ts'
import { periodicTask } from '../util/periodic-task.ts'

const frameLimit = 64 * 1024
const badFrameLimit = 10
/** An error frame repeats the id that was asked for only where it is no longer than this. */
const longestId = 100

/** The times of the live connections, in milliseconds. */
export interface LiveTimings {
  /** The time between two heartbeats, each of which is a frame and a ping. */
  heartbeat: number
  /** How long a client may take to answer a ping. */
  pongWithin: number
  /** A server that stops closes its connections over this time at most, so that clients do not all reconnect at once. */
  drain: number
}
export const liveTimings: LiveTimings = { heartbeat: heartbeatMilliseconds, pongWithin: 10_000, drain: 5000 }

/** As many connections are closed in a second as the other servers can take on, at about a millisecond each. */
const closedPerSecond = 2000

/** Registers `GET /crm/activation/live`: one WebSocket carries any number of rooms. */
export async function liveRoutes(
  server: Server,
  options: {
    rooms: Rooms
    signIns: SignInRevalidation
    connectionRateLimit: ConnectionRateLimit
    now: () => Date
    timings: LiveTimings
  },
): Promise<void> {
  const { rooms, signIns, connectionRateLimit, now, timings } = options
  const clients = new Set<LiveClient>()
  let draining = false
  await server.register(websocket, {
    // `LiveClient` may write between the frames of ws only while nothing is compressed (vendor/ws.ts).
    options: { maxPayload: frameLimit, perMessageDeflate: false },
    errorHandler: (error, socket, request) => {
      if (isConnectionError(error)) request.log.debug({ reason: error.message }, 'live connection broke')
      else request.log.error({ err: error }, 'live connection failed')
      socket.terminate()
    },
    preClose: (done) => {
      draining = true
      void drain(clients, timings.drain).then(() => done())
    },
  })

  const heartbeats = periodicTask(
    {
      name: 'the heartbeat of live connections',
      interval: timings.heartbeat,
      intervalFrom: 'start',
      logger: server.log,
    },
    () => sendHeartbeat(clients, now, timings.pongWithin),
  )
  server.addHook('onClose', () => heartbeats.close())

  server.route({
    method: 'GET',
    url: '/crm/activation/live',
    config: { endless: true },
    onRequest: [refuseForeignOrigin, connectionRateLimit.guard, refuseCookieWithoutOrigin],
    schema: {
      summary: 'The live connection: a WebSocket that carries any number of rooms',
      description:
        'Frames are JSON text. Subscribe with `{"type":"subscribe","sessionId":…}` or `{"type":"subscribe","room":"active"}`; the answers are `progress`, `active`, `event`, `heartbeat` and `error` frames.',
      tags: ['live'],
      response: {
        101: Type.Unsafe<never>({ type: 'null', description: 'The connection is a WebSocket from here on.' }),
        '4xx': Failure,
        '5xx': Failure,
      },
    },
    handler: async () => {
      throw new DomainError('BAD_REQUEST', 'This address speaks WebSocket only; open it as one.')
    },
    wsHandler: (socket, request) => {
      if (draining) return socket.close(closeCodes.restarting, 'the server restarts')
      const client = new LiveClient(socket, request.raw.socket)
      clients.add(client)
      socket.on('message', (data, isBinary) => {
        const text = isBinary || !Buffer.isBuffer(data) ? null : data.toString('utf8')
        handle(client, text, rooms).catch((error: unknown) => {
          request.log.warn({ err: error }, 'a frame could not be answered')
          socket.close(closeCodes.tryLater, 'try again later')
        })
      })
      request.raw.socket.on('drain', () => {
        client.skipped = false
        rooms.catchUp(client)
      })
      socket.on('pong', () => (client.alive = true))
      const unwatch = signIns.watch(request.headers, () => socket.close(closeCodes.notSignedIn, 'not signed in'))
      socket.on('close', () => {
        clients.delete(client)
        rooms.leaveAll(client)
        unwatch()
      })
      return undefined
    },
  })
}

/** True for what a client or the network can cause: a connection that is lost, a frame that is too large or none at all. */
function isConnectionError(error: Error): boolean {
  return /^(WS_ERR_.*|ECONNRESET|EPIPE|ETIMEDOUT)$/.test(String((error as NodeJS.ErrnoException).code))
}

async function refuseForeignOrigin(request: FastifyRequest): Promise<void> {
  const { origin } = request.headers
  if (origin !== undefined && !request.server.allowedOrigins.includes(origin)) throw originRefusal()
}

/** Refuses a cookie without `Origin`: a browser sends the cookie from any page, and always names the page that opens a WebSocket. */
async function refuseCookieWithoutOrigin(request: FastifyRequest): Promise<void> {
  const byKey = request.headers['x-api-key'] !== undefined
  if (request.headers.origin === undefined && !byKey) throw originRefusal()
}

function originRefusal(): DomainError {
  return new DomainError('ORIGIN_NOT_ALLOWED', "This connection does not come from one of Rollcall's own pages.")
}

async function handle(client: LiveClient, text: string | null, rooms: Rooms): Promise<void> {
  const frame = text === null ? null : parseFrame(text)
  if (frame === null) return badFrame(client)
  if (frame.type === 'unsubscribe') return rooms.leave(frame.sessionId, client)
  if ('room' in frame) return rooms.joinActive(client)
  // The database is not asked for what cannot be an id.
  if (!Value.Check(SessionId, frame.sessionId) || !(await rooms.join(frame.sessionId, client)))
    sendError(client, 'SESSION_NOT_FOUND', 'No session has this id.', frame.sessionId)
  return undefined
}

function parseFrame(text: string): ClientFrame | null {
  try {
    const frame: unknown = JSON.parse(text)
    return Value.Check(ClientFrame, frame) ? frame : null
  } catch {
    return null
  }
}

function badFrame(client: LiveClient): void {
  client.badFrames += 1
  sendError(client, 'BAD_FRAME', 'Rollcall does not understand this frame.')
  if (client.badFrames >= badFrameLimit)
    client.webSocket.close(closeCodes.badFrames, 'too many frames that are not understood')
}

function sendError(client: LiveClient, code: ErrorCode, msg: string, sessionId?: string): void {
  const named = sessionId !== undefined && sessionId.length <= longestId
  client.send(new Frame({ type: 'error', code, msg, ...(named ? { sessionId } : {}) }))
}

/**
 * Sends every client a heartbeat frame, which shows the browser that the connection works, and a ping. A client answers the
 * ping only after it has read all frames before it; one that does not within `pongWithin` is disconnected.
 */
async function sendHeartbeat(clients: Set<LiveClient>, now: () => Date, pongWithin: number): Promise<void> {
  const heartbeat = new Frame({ type: 'heartbeat', at: now().toISOString() })
  const pinged: LiveClient[] = []
  await forEachYielding(clients, (client) => {
    if (client.webSocket.readyState !== WebSocket.OPEN) return
    pinged.push(client)
    client.alive = false
    if (client.ready()) client.send(heartbeat)
    client.webSocket.ping()
  })
  const timer = setTimeout(() => {
    for (const client of pinged) if (!client.alive) client.webSocket.terminate()
  }, pongWithin)
  timer.unref()
}

/** Closes all connections, spread over a time that grows with their number up to `longest` milliseconds. Resolves when all are closed. */
async function drain(clients: Set<LiveClient>, longest: number): Promise<void> {
  const all = [...clients]
  const spread = Math.min(longest, (all.length / closedPerSecond) * 1000)
  const closing = all.map(
    (client, index) =>
      new Promise<void>((resolve) => {
        client.webSocket.once('close', () => resolve())
        setTimeout(
          () => client.webSocket.close(closeCodes.restarting, 'the server restarts'),
          (spread * index) / all.length,
        )
        setTimeout(() => client.webSocket.terminate(), spread + 1000).unref()
      }),
  )
  await Promise.all(closing)
}
