import { pino } from 'pino'
import type { Progress, SessionEvent } from '@rollcall/shared'
import { createRooms, type Rooms, type RoomsSource } from '../../src/realtime/rooms.ts'
import type { Subscriber } from '../../src/realtime/subscriber.ts'

const logger = pino({ level: 'silent' })

/** Creates a store of sessions. Its reads resolve when the test lets them, in any order, with the values that were stored when they began. */
function createSource() {
  const versions = new Map<string, number>()
  const events: { sessionId: string; id: number; event: SessionEvent }[] = []
  const waiting: ((asIsNow?: boolean) => void)[] = []
  let slow = false
  let failing = false
  function answer<Value>(look: () => Value): Promise<Value> {
    if (failing) return Promise.reject(new Error('the database is away'))
    const value = look()
    if (!slow) return Promise.resolve(value)
    return new Promise((resolve) => waiting.push((asIsNow = false) => resolve(asIsNow ? look() : value)))
  }
  const read = (ids: Iterable<string>) =>
    [...ids].flatMap((sessionId) => {
      const version = versions.get(sessionId)
      return version === undefined ? [] : [{ sessionId, version } as Progress]
    })
  const source: RoomsSource = {
    progress: (ids) => answer(() => read(ids)),
    active: () => answer(() => read(versions.keys())),
    events: (after) =>
      answer(() => events.filter(({ sessionId, id }) => after.has(sessionId) && id > (after.get(sessionId) ?? 0))),
    lastEventId: (sessionId) => answer(() => events.findLast((each) => each.sessionId === sessionId)?.id ?? 0),
  }
  return {
    source,
    raise: (sessionId: string) => versions.set(sessionId, (versions.get(sessionId) ?? 0) + 1),
    remove: (sessionId: string) => versions.delete(sessionId),
    version: (sessionId: string) => versions.get(sessionId) ?? 0,
    addEvent(sessionId: string) {
      events.push({ sessionId, id: events.length + 1, event: { cause: String(events.length + 1) } as SessionEvent })
      return events.length
    },
    setSlow: (value: boolean) => (slow = value),
    setFailing: (value: boolean) => (failing = value),
    /** Resolves one of the reads that wait: the one at this index, modulo their number, in the order in which they began. */
    answerOne: (index: number) => waiting.splice(index % Math.max(1, waiting.length), 1)[0]?.(),
    /** Resolves the oldest read with the values that are stored now. */
    answerFirstLate: () => waiting.shift()?.(true),
    /** Resolves the newest read. */
    answerLast: () => waiting.pop()?.(),
    answerAll() {
      slow = false
      for (const each of waiting.splice(0)) each()
    },
  }
}

export type Stored = ReturnType<typeof createSource>

/** Creates rooms over a store that the test controls. */
export function openRooms(): { stored: Stored; rooms: Rooms } {
  const stored = createSource()
  return { stored, rooms: createRooms({ source: stored.source, logger, clock: () => Date.now() }) }
}

/** A subscriber that keeps everything that was sent to it. */
export interface Member extends Subscriber {
  isReady: boolean
  versions: Map<string, number[]>
  events: number[]
  lists: string[][]
}

/** Creates a subscriber that records the versions, events and lists that rooms send to it. */
export function createMember(): Member {
  const member: Member = {
    isReady: true,
    versions: new Map(),
    events: [],
    lists: [],
    ready: () => member.isReady,
    send({ type, text }) {
      const { data } = JSON.parse(text) as { data: Progress & Progress[] & SessionEvent }
      if (type === 'progress') {
        const seen = member.versions.get(data.sessionId) ?? []
        member.versions.set(data.sessionId, [...seen, data.version])
      }
      if (type === 'event') member.events.push(Number(data.cause))
      if (type === 'active') member.lists.push(data.map((each) => each.sessionId))
    },
  }
  return member
}
