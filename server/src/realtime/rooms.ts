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

/** Where rooms read what is stored. */
export interface RoomsSource {
  /** Reads the progress of these sessions; an id that no session has is left out. */
  progress(sessionIds: string[]): Promise<Progress[]>
  /** Reads the progress of all sessions that are not over. */
  active(): Promise<Progress[]>
  /** Reads the events after the given one of each session, in their order. */
  events(after: Map<string, number>): Promise<StoredEvent[]>
  /** Reads the id of a session's newest event; 0 when it has none. */
  lastEventId(sessionId: string): Promise<number>
}

export interface Rooms {
  /** Puts a subscriber into a room, then sends it the stored progress if that is newer than `seenVersion`. False: no such session. */
  join(sessionId: string, subscriber: Subscriber, seenVersion?: number): Promise<boolean>
  leave(sessionId: string, subscriber: Subscriber): void
  /** Sends the list of sessions that are not over as soon as it is read, and again whenever one starts or ends. */
  joinActive(subscriber: Subscriber): void
  /** Takes a subscriber out of every room. */
  leaveAll(subscriber: Subscriber): void
  /** Sends a subscriber that was not ready the newest progress of each of its rooms, and the newest list. */
  catchUp(subscriber: Subscriber): void
  /** Has the rooms of these sessions read again, because there is a newer version; at once where a status changed (`urgent`). */
  publish(sessionIds: readonly string[], urgent: boolean): void
  /** Has every open room read again, because notifications may have been missed. */
  refreshAll(): void
  /** How many sessions have a room. */
  readonly size: number
  close(): void
}

/** A subscriber in one room. */
interface Member {
  subscriber: Subscriber
  /** The newest version that it was sent. */
  seenVersion: number
}

interface Room {
  members: Map<Subscriber, Member>
  latest: { version: number; frame: Frame } | null
  /** The newest event from before the first member; read once, so that no member misses an event or gets one twice. */
  eventsBefore: Promise<number> | null
  /** The newest event that was sent to the members or was there before them; null until it is known. */
  lastEventId: number | null
  refreshedAt: number
  /** The time at which the room is to be read again; null when nothing is known to be new. */
  due: number | null
  /** True while what was read last is being sent to the members; the room is not read again before that has ended. */
  sending: boolean
}

/** A room is not read until it is known which events are new; otherwise a new version would be sent without its events. */
function isReadable(room: Room): boolean {
  return !room.sending && room.lastEventId !== null
}

/** So many frames a second are sent to one room at most (measured: one core sends 54,800 a second). */
const framesPerSecond = 20_000
/** The times between two frames of the largest and of the smallest room, in milliseconds. */
const longestInterval = 1000
const shortestInterval = 100

/**
 * Creates the rooms of one node. A notification only says that there is something new; what is sent is always read from the
 * database. Changes are merged to at most ten frames a second, fewer in a large room. Each frame is the whole progress, so a
 * frame that is lost costs nothing.
 */
export function createRooms(options: {
  source: RoomsSource
  logger: FastifyBaseLogger
  clock?: () => number
  /** Returns the milliseconds between two frames of a room of so many members. */
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

  /** Sets the timer for a room that is due. While rooms are read it does nothing, because the timer is set for all of them afterwards. */
  function setTimerFor(room: Room): void {
    if (room.due !== null && isReadable(room) && !refreshing) timer.set(room.due)
  }

  /** Has a room read at once, or when the interval between two of its frames is over. */
  function makeDue(room: Room, urgent: boolean): void {
    const due = urgent ? clock() : Math.max(clock(), room.refreshedAt + mergeInterval(room.members.size))
    room.due = Math.min(room.due ?? Infinity, due)
    setTimerFor(room)
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
      for (const room of due.values()) room.due ??= clock() + longestInterval
    } finally {
      refreshing = false
      for (const room of rooms.values()) setTimerFor(room)
    }
  }

  async function refresh(due: Map<string, Room>): Promise<void> {
    const known = new Map([...due].flatMap(([id, room]) => (room.lastEventId === null ? [] : [[id, room.lastEventId]])))
    const progresses = await source.progress([...due.keys()])
    // Events are read after the progress, never at the same time: an event is stored together with its version, so every event of these versions is found.
    const events = await source.events(known)
    const eventsOf = Map.groupBy(events, ({ sessionId }) => sessionId)
    for (const progress of progresses) {
      const room = due.get(progress.sessionId)
      if (room === undefined) continue
      takeNewer(room, progress)
      void send(room, eventsOf.get(progress.sessionId) ?? [])
    }
  }

  /** Sends events and the newest progress to the members of a room. Other rooms do not wait for a large one: they are read and sent meanwhile. */
  async function send(room: Room, events: StoredEvent[]): Promise<void> {
    room.sending = true
    try {
      for (const { sessionId, id, event } of events) {
        if (id <= (room.lastEventId ?? 0)) continue
        room.lastEventId = id
        const frame = new Frame({ type: 'event', sessionId, data: event })
        await forEachYielding(Array.from(room.members.keys()), (subscriber) => {
          if (room.members.has(subscriber) && subscriber.ready()) subscriber.send(frame)
        })
      }
      // The progress may be no newer than what the room has, because a member that joined may have read it for the room; the others still lack it.
      await forEachYielding(room.members.values(), (member) => sendProgress(room, member))
    } catch (error) {
      logger.error({ err: error }, 'frames could not be sent to a room')
    } finally {
      room.sending = false
      setTimerFor(room)
    }
  }

  /** Keeps a progress where it is newer than what the room has; returns whether it is. */
  function takeNewer(room: Room, progress: Progress): boolean {
    if (room.latest !== null && progress.version <= room.latest.version) return false
    room.latest = { version: progress.version, frame: new Frame({ type: 'progress', data: progress }) }
    return true
  }

  /** Sends the newest progress of a room to a member that has not seen it and is ready. */
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
        sending: false,
      }
      rooms.set(sessionId, room)
      const member = room.members.get(subscriber) ?? { subscriber, seenVersion: 0 }
      member.seenVersion = Math.max(seenVersion, member.seenVersion)
      room.members.set(subscriber, member)
      try {
        // The session is read after the member has joined, so a change in between is either in what is read, or its notification finds the member in the room.
        room.eventsBefore ??= source.lastEventId(sessionId)
        const before = await room.eventsBefore
        room.lastEventId ??= before
        setTimerFor(room)
        const progress = await readProgress(sessionId)
        if (progress === undefined) {
          leave(sessionId, subscriber)
          return false
        }
        const others = room.latest !== null
        // The other members still need the events of this version, whether or not a notification of it comes.
        if (takeNewer(room, progress) && others) makeDue(room, false)
      } catch (error) {
        room.eventsBefore = null
        leave(sessionId, subscriber)
        throw error
      }
      // A version that never existed says nothing of what the subscriber has seen.
      if (member.seenVersion > (room.latest?.version ?? 0)) member.seenVersion = 0
      // The subscriber may have left meanwhile.
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
  return Math.min(longestInterval, Math.max(shortestInterval, (members * 1000) / framesPerSecond))
}
