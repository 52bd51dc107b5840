import { mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { hashPassword } from 'better-auth/crypto'
import { pino, type Logger } from 'pino'
import { WebSocket } from 'ws'
import { roles, type Progress, type Role, type ServerFrame } from '@rollcall/shared'
import { createLiveProgress } from '../../src/activation/history/live-progress.usecases.ts'
import { createRooms } from '../../src/realtime/rooms.ts'
import { createApp, type AppDeps, type Timings } from '../../src/app.ts'
import type { Bus, BusOptions } from '../../src/realtime/bus/bus.ts'
import { openPostgresBus } from '../../src/realtime/bus/bus.postgres.ts'
import type { Rooms } from '../../src/realtime/rooms.ts'
import type { Server } from '../../src/http/server.ts'
import { createAuth } from '../../src/staff/auth.ts'
import { staffAccounts, staffUsers } from '../../src/staff/staff.table.ts'
import { createActivation, template, type Activation } from './activation.ts'
import { signInAt } from './client.ts'
import { createTestDatabase, type TestDatabase } from '../database/database.ts'

const secret = 'a secret of the tests that is long enough'
export const password = 'correct horse battery'
const publicUrl = 'http://localhost:3000'
const silent = pino({ level: process.env.LOG_LEVEL ?? 'silent' })

/** A member of staff who is signed in, with the cookie of a browser and the API key of a program. */
export interface SignedIn {
  id: string
  cookie: string
  key: string
}

/** The answer to a call. A success has `data`, and a failure has `code` and `msg`. */
export interface Answer<Data> {
  status: number
  headers: Headers
  text: string
  data: Data
  code: string
  msg: string
  details: Record<string, unknown>
}

export interface Call {
  /** The role of the owner of the API key that is sent; null sends no key. The default is an admin's key. */
  role?: Role | null
  body?: unknown
  headers?: Record<string, string>
}

/** Rollcall without a worker, with a port and a database of its own. */
export interface App {
  test: TestDatabase
  activation: Activation
  server: Server
  rooms: Rooms
  url: string
  staff: Record<Role, SignedIn>
  call<Data = Record<string, unknown>>(method: string, path: string, options?: Call): Promise<Answer<Data>>
  signIn(role: Role): Promise<string>
  /** Opens a live connection, with an admin's key unless other headers are given. */
  watch(headers?: Record<string, string>): Promise<Watcher>
  /** Starts another server on the same database, with rooms and a bus of its own. */
  another(): Promise<Pick<App, 'server' | 'rooms' | 'url' | 'watch'>>
  close(): Promise<void>
}

interface AppOptions {
  timings?: Partial<Timings>
  webFolder?: string
  connectionRates?: AppDeps['connectionRates']
  /** Opens the bus between the nodes. The default is the bus over PostgreSQL. */
  openBus?: (options: BusOptions & { databaseUrl: string }) => Bus
  /** The milliseconds between two frames of a room. The default is that of the app. */
  mergeInterval?: () => number
  /** The logger of the server. By default, nothing is logged. */
  logger?: Logger
}

/** Opens the bus of a single node. It transports nothing, and never has the rooms read the database by themselves. */
export function openNoBus(): Bus {
  return { publish: () => undefined, close: () => Promise.resolve() }
}

/** Starts the app on a new database, with one member of staff for each role. */
export async function createTestApp(options: AppOptions = {}): Promise<App> {
  const test = await createTestDatabase()
  const activation = await createActivation(test)
  const spoolFolder = await mkdtemp(path.join(tmpdir(), 'rollcall-app-'))
  const nodes: Node[] = []
  const publish = (sessionIds: string[], urgent: boolean) => nodes[0]!.publish(sessionIds, urgent)
  Object.assign(activation.deps, { publish })
  const node = async () => {
    const opened = await openNode({ test, activation, spoolFolder, ...options })
    nodes.push(opened)
    return opened
  }
  const { server, rooms, url } = await node()
  const staff = {} as Record<Role, SignedIn>
  const signIn = (role: Role) => signInAt(url, { email: `${role}@example.com`, password }, { origin: publicUrl })
  for (const role of roles) staff[role] = await addStaff(test, url, role)
  const watchAt = (at: string) => (headers?: Record<string, string>) =>
    openWatcher(at, headers ?? { 'x-api-key': staff.admin.key })

  return {
    test,
    activation,
    server,
    rooms,
    url,
    staff,
    signIn,
    call: (method, path, { role = 'admin', body, headers = {} } = {}) =>
      callAt(url, method, path, body, { ...(role === null ? {} : { 'x-api-key': staff[role].key }), ...headers }),
    watch: watchAt(url),
    async another() {
      const opened = await node()
      return { ...opened, watch: watchAt(opened.url) }
    },
    async close() {
      for (const each of nodes) await each.close()
      await activation.close()
      await rm(spoolFolder, { recursive: true, force: true })
      await test.close()
    },
  }
}

interface Node {
  server: Server
  rooms: Rooms
  url: string
  publish(sessionIds: string[], urgent: boolean): void
  close(): Promise<void>
}

async function openNode(
  options: AppOptions & { test: TestDatabase; activation: Activation; spoolFolder: string },
): Promise<Node> {
  const { test, activation, logger = silent } = options
  const auth = createAuth({ database: test.database, secret, publicUrl, logger })
  const rooms = createRooms({
    source: createLiveProgress(test.database),
    logger,
    mergeInterval: options.mergeInterval,
  })
  const bus = (options.openBus ?? openPostgresBus)({
    databaseUrl: test.url,
    logger,
    onNotification: (sessionIds, urgent) => rooms.publish(sessionIds, urgent),
    onMissed: () => rooms.refreshAll(),
  })
  const publish = (sessionIds: string[], urgent: boolean) => {
    rooms.publish(sessionIds, urgent)
    bus.publish(sessionIds, urgent)
  }
  const deps: AppDeps = {
    database: test.database,
    pool: test.pool,
    boss: activation.boss,
    auth,
    rooms,
    activation: { ...activation.deps, publish },
    publicUrl,
    template: async () => template,
    builtInMailbox: true,
    spoolFolder: options.spoolFolder,
    webFolder: options.webFolder ?? null,
    logger,
    timings: { drain: 50, signIns: 200, ...options.timings },
    connectionRates: options.connectionRates,
  }
  const server = await createApp(deps)
  await server.listen({ host: '127.0.0.1', port: 0 })
  const { port } = server.server.address() as AddressInfo
  return {
    server,
    rooms,
    url: `http://127.0.0.1:${port}`,
    publish,
    async close() {
      rooms.close()
      await server.close()
      await bus.close()
    },
  }
}

let passwordDigest: Promise<string> | undefined

async function addStaff(test: TestDatabase, url: string, role: Role): Promise<SignedIn> {
  const id = `staff-${role}`
  const email = `${role}@example.com`
  await test.database.insert(staffUsers).values({ id, name: `A ${role}`, email, role })
  passwordDigest ??= hashPassword(password)
  await test.database.insert(staffAccounts).values({
    id: `account-${role}`,
    accountId: id,
    providerId: 'credential',
    userId: id,
    password: await passwordDigest,
  })
  const cookie = await signInAt(url, { email, password }, { origin: publicUrl })
  const { key } = (await (
    await fetch(`${url}/api/auth/api-key/create`, {
      method: 'POST',
      headers: { cookie, origin: publicUrl, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'a program' }),
    })
  ).json()) as { key: string }
  return { id, cookie, key }
}

async function callAt<Data>(
  url: string,
  method: string,
  path: string,
  body: unknown,
  headers: Record<string, string>,
): Promise<Answer<Data>> {
  const isText = typeof body === 'string' || body instanceof Uint8Array
  const response = await fetch(url + path, {
    method,
    redirect: 'manual',
    headers: {
      ...(body === undefined || headers['content-type'] ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: isText ? Buffer.from(body) : JSON.stringify(body) }),
  })
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.startsWith('application/json') && text !== ''
  const parsed = isJson ? (JSON.parse(text) as Record<string, unknown>) : {}
  return { ...parsed, status: response.status, headers: response.headers, text } as Answer<Data>
}

/** A live connection, with every frame that the server has sent to it. */
export interface Watcher {
  socket: WebSocket
  frames: ServerFrame[]
  send(frame: unknown): void
  /** Waits for the first frame of which `wanted` is true, from the one with the index `from` on, and returns it. */
  frame<Wanted extends ServerFrame>(wanted: (frame: ServerFrame) => frame is Wanted, from?: number): Promise<Wanted>
  /** Waits for the first progress of a session of which `wanted` is true, and returns it. */
  progress(sessionId: string, wanted?: (progress: Progress) => boolean): Promise<Progress>
  closed: Promise<{ code: number; reason: string }>
  close(): void
}

/** Opens a live connection. Fails with the HTTP status where the server refuses the upgrade. */
export async function openWatcher(url: string, headers: Record<string, string>): Promise<Watcher> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/crm/activation/live`, { headers })
  const frames: ServerFrame[] = []
  socket.on('message', (data: Buffer) => frames.push(JSON.parse(data.toString('utf8')) as ServerFrame))
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() })),
  )
  await new Promise<void>((resolve, reject) => {
    socket.on('open', resolve)
    socket.on('unexpected-response', (_request, response) => {
      socket.terminate()
      reject(new Error(`refused with ${response.statusCode}`))
    })
    socket.on('error', reject)
  })
  socket.on('error', () => undefined)
  async function frame<Wanted extends ServerFrame>(
    wanted: (frame: ServerFrame) => frame is Wanted,
    from = 0,
  ): Promise<Wanted> {
    const end = performance.now() + 10_000
    for (;;) {
      const found = frames.slice(from).find(wanted)
      if (found !== undefined) return found
      if (performance.now() > end)
        throw new Error(`Such a frame did not come; there were ${JSON.stringify(frames.slice(-5), null, 1)}`)
      await wait(5)
    }
  }
  return {
    socket,
    frames,
    frame,
    send: (content) => socket.send(typeof content === 'string' ? content : JSON.stringify(content)),
    async progress(sessionId, wanted = () => true) {
      const found = await frame(
        (each): each is Extract<ServerFrame, { type: 'progress' }> =>
          each.type === 'progress' && each.data.sessionId === sessionId && wanted(each.data),
      )
      return found.data
    },
    closed,
    close: () => socket.terminate(),
  }
}

/** Returns the frames of one type that a live connection has received. */
export function framesOf<Type extends ServerFrame['type']>(
  watcher: Watcher,
  type: Type,
): Extract<ServerFrame, { type: Type }>[] {
  return watcher.frames.filter((each): each is Extract<ServerFrame, { type: Type }> => each.type === type)
}
