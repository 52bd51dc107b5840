import { openClients, type Clients } from '../../server/test/app/websocket-clients.ts'
import type { Ages } from '../support/ages.ts'
import { versionIn } from '../support/frames.ts'
import { microseconds, sessionId } from './contender.ts'

/** A request to the process of the sockets that watch the room. It tells when most of them have a version, and how old frames were when they came. */
export type Request =
  | { do: 'join'; contender: string; port: number; count: number }
  | { do: 'measure'; from: number; until: number }
  | { do: 'tell' }
  | { do: 'leave' }
  /** Tells that the server is about to close; answered when all sockets are closed. */
  | { do: 'expectEnd' }
export type Answer = 'joined' | 'received' | 'left' | Measured | Ended

export interface Measured {
  frames: number
  ages: Ages
}

export interface Ended {
  /** How many sockets had the newest version that any had. */
  complete: number
  codes: [code: number, sockets: number][]
  /** The seconds from the first close to the last. */
  seconds: number
  /** The most sockets that were closed in one second. */
  mostInASecond: number
}

let clients: Clients | null = null
let leaving = false
let sockets = 0
/** How many sockets have a version; a version is removed once all have it. */
const having = new Map<number, number>()
let from = Infinity
let until = Infinity
/** The newest version of each socket. */
let newest = new Float64Array()
const closed: { at: number; code: number }[] = []
let frames = 0
const ages = new Map<number, number>()

const paths: Record<string, { path: string; hello: string }> = {
  Rollcall: { path: '/crm/activation/live', hello: JSON.stringify({ type: 'subscribe', sessionId }) },
  // The protocol of Engine.IO and Socket.IO begins like this: https://socket.io/docs/v4/engine-io-protocol/
  'Socket.IO': { path: '/socket.io/?EIO=4&transport=websocket', hello: '40' },
}

process.on('message', (request: Request) => {
  if (request.do === 'join') void join(request)
  else if (request.do === 'measure') measure(request)
  else if (request.do === 'leave') leave()
  else if (request.do === 'expectEnd') leaving = true
  else answer({ frames, ages: [...ages] })
})

async function join(request: Extract<Request, { do: 'join' }>): Promise<void> {
  const { path, hello } = paths[request.contender]!
  sockets = request.count
  newest = new Float64Array(sockets)
  let joined = 0
  clients = await openClients({
    port: request.port,
    path,
    count: request.count,
    headers: (index) => ({ 'x-api-key': `person-${process.pid}-${index}` }),
    onOpen: (client) => client.send(hello),
    onText(client, bytes, begin, end) {
      // Socket.IO's ping is answered with its pong.
      if (end - begin === 1 && bytes[begin] === 0x32) return client.send('3')
      const version = versionIn(bytes, begin, end)
      if (version === null) return undefined
      newest[client.index] = version
      if (joined < sockets) {
        joined += 1
        if (joined === sockets) answer('joined')
      } else take(version)
      return undefined
    },
    onClose: (_client, code) => {
      if (!leaving) throw new Error(`A socket was closed with ${code}.`)
      closed.push({ at: microseconds() / 1e6, code })
      if (closed.length === sockets) answer(ended())
    },
  })
}

function measure(request: Extract<Request, { do: 'measure' }>): void {
  from = request.from
  until = request.until
  frames = 0
  ages.clear()
}

function take(version: number): void {
  const now = microseconds()
  if (now >= from && now < until) {
    frames += 1
    const age = Math.floor((now - version) / 100)
    ages.set(age, (ages.get(age) ?? 0) + 1)
  }
  const count = (having.get(version) ?? 0) + 1
  if (count === sockets) having.delete(version)
  else having.set(version, count)
  if (count === Math.ceil(sockets * 0.9)) answer('received')
}

function leave(): void {
  leaving = true
  clients?.close()
  answer('left')
}

function ended(): Ended {
  const first = closed[0]?.at ?? 0
  const highest = newest.reduce((high, each) => Math.max(high, each), 0)
  const bySecond = Map.groupBy(closed, ({ at }) => Math.floor(at - first))
  return {
    complete: newest.filter((each) => each === highest).length,
    codes: [...Map.groupBy(closed, ({ code }) => code)].map(([code, all]) => [code, all.length]),
    seconds: (closed.at(-1)?.at ?? 0) - first,
    mostInASecond: Math.max(...[...bySecond.values()].map((all) => all.length)),
  }
}

function answer(content: Answer): void {
  process.send?.(content)
}

process.on('disconnect', () => process.exit(0))
