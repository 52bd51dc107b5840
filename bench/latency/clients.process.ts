import { openClients } from '../../server/test/app/websocket-clients.ts'
import type { Ages } from '../support/ages.ts'
import { versionIn } from '../support/frames.ts'
import { answerRequests } from '../support/processes.ts'

/** Tabs that watch one session, and what they were told when. */
export type Request =
  | { do: 'join'; port: number; sockets: number; people: Record<string, string>[]; sessionId: string }
  /** Every version that was stored, in its order, with the time in milliseconds since 1970. */
  | { do: 'compare'; versions: [version: number, storedAt: number][] }

export interface Compared {
  frames: number
  /** Of a frame: from the storing of its version until it came. */
  ofFrames: Ages
  /** Of a stored version, at each socket: until the first frame came that has it or a newer one. */
  ofChanges: Ages
}

/** Version and time of every frame of every socket, one after the other. */
const told: number[][] = []

answerRequests(async (request) => {
  const given = request as Request
  if (given.do === 'compare') return compare(new Map(given.versions))
  await join(given)
  return null
})

async function join(request: Extract<Request, { do: 'join' }>): Promise<void> {
  const { port, sockets, people, sessionId } = request
  const everybodyTold = Promise.withResolvers<void>()
  let joined = 0
  await openClients({
    port,
    path: '/crm/activation/live',
    count: sockets,
    headers: (index) => people[index % people.length] ?? {},
    onOpen: (client) => client.send(JSON.stringify({ type: 'subscribe', sessionId })),
    onText(client, bytes, begin, end) {
      const version = versionIn(bytes, begin, end)
      if (version === null) return
      const mine = (told[client.index] ??= [])
      if (mine.length === 0) joined += 1
      mine.push(version, performance.timeOrigin + performance.now())
      if (joined === sockets) everybodyTold.resolve()
    },
    onClose: (_client, code) => {
      throw new Error(`A socket was closed with ${code}.`)
    },
  })
  await everybodyTold.promise
}

function compare(storedAt: Map<number, number>): Compared {
  const versions = [...storedAt]
  const ofFrames = new Map<number, number>()
  const ofChanges = new Map<number, number>()
  let frames = 0
  for (const mine of told) {
    let next = 0
    for (let at = 0; at < mine.length; at += 2) {
      const [version = 0, time = 0] = mine.slice(at, at + 2)
      const stored = storedAt.get(version)
      // What came at the joining was stored before anybody counted.
      if (stored === undefined) continue
      frames += 1
      add(ofFrames, time - stored)
      for (; (versions[next]?.[0] ?? Infinity) <= version; next += 1) add(ofChanges, time - (versions[next]?.[1] ?? 0))
    }
    if (next < versions.length) throw new Error(`A socket was not told of the last ${versions.length - next} versions.`)
  }
  return { frames, ofFrames: [...ofFrames], ofChanges: [...ofChanges] }
}

function add(ages: Map<number, number>, milliseconds: number): void {
  const age = Math.floor(milliseconds * 10)
  ages.set(age, (ages.get(age) ?? 0) + 1)
}

process.on('disconnect', () => process.exit(0))
