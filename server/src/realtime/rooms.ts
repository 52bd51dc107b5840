import type { FastifyBaseLogger } from 'fastify'
import type { Progress, SessionEvent } from '@rollcall/shared'
import { createActiveRoom } from './active-room.ts'
import { createDeadlineTimer } from './deadline-timer.ts'
import { Frame } from './frames.ts'
import { coalesceReads } from './coalesced-reads.ts'
import { forEachYielding } from '../util/for-each-yielding.ts'
import type { Subscriber } from './subscriber.ts'

export interface StoredEvent {
  sessionId: string
  id: number
  event: SessionEvent
}

/** Where rooms read the truth. */
export interface RoomsSource {
  progress(sessionIds: string[]): Promise<Progress[]>
  active(): Promise<Progress[]>
  /** The events after the given one of each session, in their order. */
  events(after: Map<string, number>): Promise<StoredEvent[]>
  lastEventId(sessionId: string): Promise<number>
}

export interface Rooms {
  /** Puts a subscriber into a room, then sends the stored progress if it is newer than `seenVersion`. False: no such session. */
  join(sessionId: string, subscriber: Subscriber, seenVersion?: number): Promise<boolean>
  leave(sessionId: string, subscriber: Subscriber): void
  /** Sends the list of sessions that are not over as soon as it is read, and again whenever one starts or ends. */
  joinActive(subscriber: Subscriber): void
  /** Takes a subscriber out of every room. */
  leaveAll(subscriber: Subscriber): void
  /** Gives a subscriber that was not ready the newest of its rooms. */
  catchUp(subscriber: Subscriber): void
  /** Says that these sessions have a newer version; `urgent`: their status changed, so it goes out at once. */
  publish(sessionIds: readonly string[], urgent: boolean): void
  /** Reads every open room again: for when a ring may have been missed. */
  refreshAll(): void
  /** How many sessions are watched. */
  readonly size: number
  close(): void
}

/** Somebody in a room. */
interface Member {
  subscriber: Subscriber
  /** The newest version that it was sent. */
  seenVersion: number
}

interface Room {
  members: Map<Subscriber, Member>
  latest: { version: number; frame: Frame } | null
  /** The newest event that was there before the first member; asked once, so that no member misses or doubles one. */
  eventsBefore: Promise<number> | null
  /** The newest event that members were told of or that was there before them; null until it is known. */
  lastEventId: number | null
  refreshedAt: number
  /** When it is to be read again; null when nothing is known to be new. */
  due: number | null
  /** True while what was read last is on its way to the members; until then it is not read again. */
  telling: boolean
}

/** Until it is known which events are new, a room is not read: what rang meanwhile would bring its progress and no event. */
function isReadable(room: Room): boolean {
  return !room.telling && room.lastEventId !== null
}

/** So many frames a second leave a node at most, over all sockets of a room (measured: 54,800 a second on one core). */
const framesPerSecond = 20_000
const slowest = 1000
const fastest = 100

/**
 * The rooms of one node. A ring only says that there is something new; what is sent is always read from the database,
 * merged to at most ten frames a second (fewer in a large room), and whole, so a frame that is lost costs nothing.
 */
export function createRooms(options: {
  source: RoomsSource
  logger: FastifyBaseLogger
  clock?: () => number
  /** Milliseconds between two frames of a room of so many members. */
  mergeInterval?: (members: number) => number
}): Rooms {
  const { source, logger } = options
  const clock = options.clock ?? (() => performance.now())
  const mergeInterval = options.mergeInterval ?? usualMergeInterval
  const readProgress = coalesceReads((sessionIds) => source.progress(sessionIds))
  const rooms = new Map<string, Room>()
  const active = createActiveRoom({ read: () => source.active(), clock, logger })
  const timer = createDeadlineTimer(clock, () => void refreshDue())
  let refreshing = false

  /** While rooms are read it sets nothing: the timer is set for all of them afterwards. */
  function wakeFor(room: Room): void {
    if (room.due !== null && isReadable(room) && !refreshing) timer.set(room.due)
  }

  /** Has a room read: at once, or as soon as its frames are merged. */
  function makeDue(room: Room, urgent: boolean): void {
    const due = urgent ? clock() : Math.max(clock(), room.refreshedAt + mergeInterval(room.members.size))
    room.due = Math.min(room.due ?? Infinity, due)
    wakeFor(room)
  }

  async function refreshDue(): Promise<void> {
    refreshing = true
    const now = clock()
    const due = new Map([...rooms].filter(([, room]) => isReadable(room) && room.due !== null && room.due <= now))
    for (const room of due.values()) {
      room.due = null
      room.refreshedAt = now
    }
    try {
      if (due.size > 0) await refresh(due)
    } catch (error) {
      logger.warn({ err: error }, 'rooms could not be read and will be again')
      for (const room of due.values()) room.due ??= clock() + slowest
    } finally {
      refreshing = false
      for (const room of rooms.values()) wakeFor(room)
    }
  }

  async function refresh(due: Map<string, Room>): Promise<void> {
    const known = new Map([...due].flatMap(([id, room]) => (room.lastEventId === null ? [] : [[id, room.lastEventId]])))
    const progresses = await source.progress([...due.keys()])
    // After the progress, never beside it: an event is stored with its version, so none of these versions lacks one.
    const events = await source.events(known)
    const eventsOf = Map.groupBy(events, ({ sessionId }) => sessionId)
    for (const progress of progresses) {
      const room = due.get(progress.sessionId)
      if (room === undefined) continue
      takeNewer(room, progress)
      void tell(room, eventsOf.get(progress.sessionId) ?? [])
    }
  }

  /** Nobody waits for a large room: while it is told, others are read and told. */
  async function tell(room: Room, events: StoredEvent[]): Promise<void> {
    room.telling = true
    try {
      for (const { sessionId, id, event } of events) {
        if (id <= (room.lastEventId ?? 0)) continue
        room.lastEventId = id
        const frame = new Frame({ type: 'event', sessionId, data: event })
        await forEachYielding(Array.from(room.members.keys()), (subscriber) => {
          if (room.members.has(subscriber) && subscriber.ready()) subscriber.send(frame)
        })
      }
      // Also where it is not newer than what the room knows: somebody who joined may have read it for the room.
      await forEachYielding(room.members.values(), (member) => sendProgress(room, member))
    } catch (error) {
      logger.error({ err: error }, 'a room could not be told')
    } finally {
      room.telling = false
      wakeFor(room)
    }
  }

  /** True when it is newer than what the room knew. */
  function takeNewer(room: Room, progress: Progress): boolean {
    if (room.latest !== null && progress.version <= room.latest.version) return false
    room.latest = { version: progress.version, frame: new Frame({ type: 'progress', data: progress }) }
    return true
  }

  /** Sends the newest progress of a room to one member, if it is newer than what it has and the member can take it. */
  function sendProgress({ latest }: Room, member: Member): void {
    if (latest === null || latest.version <= member.seenVersion || !member.subscriber.ready()) return
    member.seenVersion = latest.version
    member.subscriber.send(latest.frame)
  }

  return {
    async join(sessionId, subscriber, seenVersion = 0) {
      const room: Room = rooms.get(sessionId) ?? {
        members: new Map(),
        latest: null,
        eventsBefore: null,
        lastEventId: null,
        refreshedAt: clock(),
        due: null,
        telling: false,
      }
      rooms.set(sessionId, room)
      const member = room.members.get(subscriber) ?? { subscriber, seenVersion: 0 }
      member.seenVersion = Math.max(seenVersion, member.seenVersion)
      room.members.set(subscriber, member)
      try {
        // Read after joining: what changes in between is either in what is read, or rings for a member already.
        room.eventsBefore ??= source.lastEventId(sessionId)
        const before = await room.eventsBefore
        room.lastEventId ??= before
        wakeFor(room)
        const progress = await readProgress(sessionId)
        if (progress === undefined) {
          leave(sessionId, subscriber)
          return false
        }
        const others = room.latest !== null
        // Whoever was there already is owed the events of this version, whether or not it rings for them.
        if (takeNewer(room, progress) && others) makeDue(room, false)
      } catch (error) {
        room.eventsBefore = null
        leave(sessionId, subscriber)
        throw error
      }
      // A version that never was says nothing of what the subscriber has seen.
      if (member.seenVersion > (room.latest?.version ?? 0)) member.seenVersion = 0
      // Not where it has left meanwhile.
      if (room.members.get(subscriber) === member) sendProgress(room, member)
      return true
    },
    leave,
    joinActive: (subscriber) => active.join(subscriber),
    leaveAll(subscriber) {
      active.leave(subscriber)
      for (const sessionId of Array.from(rooms.keys())) leave(sessionId, subscriber)
    },
    catchUp(subscriber) {
      for (const room of rooms.values()) {
        const member = room.members.get(subscriber)
        if (member !== undefined) sendProgress(room, member)
      }
      if (active.has(subscriber)) active.refresh()
    },
    publish(sessionIds, urgent) {
      for (const sessionId of sessionIds) {
        const room = rooms.get(sessionId)
        if (room === undefined) continue
        makeDue(room, urgent)
      }
      if (urgent) active.refresh()
    },
    refreshAll() {
      for (const room of rooms.values()) makeDue(room, false)
      active.refresh()
    },
    get size() {
      return rooms.size
    },
    close() {
      timer.stop()
      rooms.clear()
      active.close()
    },
  }

  function leave(sessionId: string, subscriber: Subscriber): void {
    const room = rooms.get(sessionId)
    room?.members.delete(subscriber)
    if (room?.members.size === 0) rooms.delete(sessionId)
  }
}

function usualMergeInterval(members: number): number {
  return Math.min(slowest, Math.max(fastest, (members * 1000) / framesPerSecond))
}
