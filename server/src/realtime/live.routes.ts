import type { IncomingHttpHeaders } from 'node:http'
import websocket from '@fastify/websocket'
import type { FastifyRequest } from 'fastify'
import { Value } from 'typebox/value'
import { WebSocket } from 'ws'
import { ClientFrame, closeCodes, heartbeatMilliseconds, type ErrorCode, type ServerFrame } from '@rollcall/shared'
import { requireRole, type Identify } from '../http/roles.ts'
import { Refusal } from '../http/refusal.ts'
import type { Server } from '../http/server.ts'
import type { Rooms, Subscriber } from './rooms.ts'

const frameLimit = 64 * 1024
/** What a socket may leave unread before it is skipped; the kernel holds some megabytes more. */
const bufferLimit = 64 * 1024
const badFrameLimit = 10
const pongWithin = 10_000
const signInCheckEvery = 5000
/** A draining server lets its clients go over this time, so that they do not all come back at once. */
const drainMilliseconds = 1000

interface Client extends Subscriber {
  socket: WebSocket
  headers: IncomingHttpHeaders
  badFrames: number
  skipped: boolean
  alive: boolean
}

/** `GET /crm/activation/live`: one WebSocket carries any number of rooms. */
export async function liveRoutes(
  server: Server,
  options: { rooms: Rooms; identify: Identify; now: () => Date },
): Promise<void> {
  const { rooms, now } = options
  const clients = new Set<Client>()
  await server.register(websocket, {
    options: { maxPayload: frameLimit, perMessageDeflate: false },
    errorHandler: (error, socket, request) => {
      request.log.error({ err: error }, 'live connection failed')
      socket.terminate()
    },
    preClose: (done) => {
      void drain(clients).then(() => done())
    },
  })

  const heartbeat = setInterval(() => beat(clients, now), heartbeatMilliseconds)
  const signIns = setInterval(() => void closeSignedOut(clients, options.identify), signInCheckEvery)
  server.addHook('onClose', async () => {
    clearInterval(heartbeat)
    clearInterval(signIns)
  })

  server.get(
    '/crm/activation/live',
    {
      websocket: true,
      schema: { summary: 'The live connection: a WebSocket', tags: ['live'] },
      preValidation: [refuseForeignOrigin, requireRole('support')],
    },
    (socket, request) => {
      const client = createClient(socket, request.headers)
      clients.add(client)
      socket.on('message', (data, isBinary) => {
        const text = isBinary || !Buffer.isBuffer(data) ? null : data.toString('utf8')
        handle(client, text, rooms).catch((error: unknown) => {
          request.log.warn({ err: error }, 'a frame could not be answered')
          socket.close(closeCodes.tryLater)
        })
      })
      request.raw.socket.on('drain', () => {
        client.skipped = false
        rooms.catchUp(client)
      })
      socket.on('pong', () => (client.alive = true))
      socket.on('error', (error) => request.log.debug({ err: error }, 'live connection broke'))
      socket.on('close', () => {
        clients.delete(client)
        rooms.leaveAll(client)
      })
    },
  )
}

/** A browser always names the page that opens a socket, and sends the cookie along from any page; so the page must be ours. */
async function refuseForeignOrigin(request: FastifyRequest): Promise<void> {
  const { origin } = request.headers
  const byKey = request.headers['x-api-key'] !== undefined
  if (origin === undefined ? !byKey : !request.server.allowedOrigins.includes(origin))
    throw new Refusal(403, 'ORIGIN_NOT_ALLOWED', "This connection does not come from one of Rollcall's own pages.")
}

function createClient(socket: WebSocket, headers: IncomingHttpHeaders): Client {
  const client: Client = {
    socket,
    headers,
    badFrames: 0,
    skipped: false,
    alive: true,
    ready() {
      if (socket.readyState !== WebSocket.OPEN) return false
      client.skipped ||= socket.bufferedAmount > bufferLimit
      return !client.skipped
    },
    send({ text }) {
      if (socket.readyState === WebSocket.OPEN) socket.send(text)
    },
  }
  return client
}

async function handle(client: Client, text: string | null, rooms: Rooms): Promise<void> {
  const frame = text === null ? null : parseFrame(text)
  if (frame === null) return badFrame(client)
  if (frame.type === 'unsubscribe') return rooms.leave(frame.sessionId, client)
  if ('room' in frame) return rooms.joinActive(client)
  if (!(await rooms.join(frame.sessionId, client)))
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

function badFrame(client: Client): void {
  client.badFrames += 1
  sendError(client, 'BAD_FRAME', 'Rollcall does not understand this frame.')
  if (client.badFrames >= badFrameLimit)
    client.socket.close(closeCodes.badFrames, 'too many frames that are not understood')
}

function sendError(client: Client, code: ErrorCode, msg: string, sessionId?: string): void {
  sendFrame(client, { type: 'error', code, msg, ...(sessionId === undefined ? {} : { sessionId }) })
}

function sendFrame(client: Client, frame: ServerFrame): void {
  client.send({ type: frame.type, text: JSON.stringify(frame), version: null })
}

/** A frame tells the browser that the line stands; the ping's pong tells the server that the frames before it were read. */
function beat(clients: Set<Client>, now: () => Date): void {
  const at = now().toISOString()
  const asked = [...clients].filter((client) => client.socket.readyState === WebSocket.OPEN)
  for (const client of asked) {
    client.alive = false
    if (client.ready()) sendFrame(client, { type: 'heartbeat', at })
    client.socket.ping()
  }
  const judge = setTimeout(() => {
    for (const client of asked) if (!client.alive) client.socket.terminate()
  }, pongWithin)
  judge.unref()
}

/** Closes the sockets of people who are no longer signed in; asks once for each sign-in, however many sockets it has. */
async function closeSignedOut(clients: Set<Client>, identify: Identify): Promise<void> {
  const bySignIn = Map.groupBy(
    clients,
    ({ headers }) => `${headers.cookie ?? ''}\n${String(headers['x-api-key'] ?? '')}`,
  )
  for (const group of bySignIn.values()) {
    const headers = group[0]?.headers
    // While the database is away nobody is known to have gone.
    const staff = headers === undefined ? null : await identify(headers).catch(() => undefined)
    if (staff === null) for (const client of group) client.socket.close(closeCodes.notSignedIn, 'not signed in')
  }
}

async function drain(clients: Set<Client>): Promise<void> {
  const all = [...clients]
  const closing = all.map(
    (client, index) =>
      new Promise<void>((resolve) => {
        client.socket.once('close', () => resolve())
        setTimeout(
          () => client.socket.close(closeCodes.restarting, 'the server restarts'),
          (drainMilliseconds * index) / all.length,
        )
        setTimeout(() => client.socket.terminate(), drainMilliseconds * 2).unref()
      }),
  )
  await Promise.all(closing)
}
