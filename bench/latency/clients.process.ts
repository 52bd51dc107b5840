import { openClients } from '../../server/test/app/websocket-clients.ts'
import type { Ages } from '../support/ages.ts'
import { versionIn } from '../support/frames.ts'
import { answerRequests } from '../support/processes.ts'

/** A request to the process of the tabs, which watch one session and note what they were told when. */
export type Request =
  | { do: 'join'; port: number; sockets: number; people: Record<string, string>[]; sessionId: string }
  /** Compares with every version that was stored, in their order, each with its time in milliseconds since 1970. */
  | { do: 'compare'; versions: [version: number, storedAt: number][] }

export interface Compared {
  frames: number
  /** The ages of frames, from the time at which the version was stored until the frame came. */
  ofFrames: Ages
  /** The ages of stored versions at each socket, until the first frame came that has the version or a newer one. */
  ofChanges: Ages
}

/** For each socket, the version and the time of every frame, one after the other. */
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
      // The version that a tab is sent when it joins was stored before the measurement began.
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
