import type { FastifyBaseLogger } from 'fastify'
import type { Progress, ServerFrame, SessionEvent } from '@rollcall/shared'

/** Somebody who watches: a WebSocket or a stream of server-sent events. */
export interface Subscriber {
  /** False while it has not taken what it was given; then it gets the newest later, by `catchUp`, and is never waited for. */
  ready(): boolean
  /** One frame; `text` is its JSON, made once for everybody. `version` is the progress's, where it is one. */
  send(frame: { type: ServerFrame['type']; text: string; version: number | null }): void
}

/** Where rooms read the truth. */
export interface RoomsSource {
  progress(sessionIds: string[]): Promise<Progress[]>
  active(): Promise<Progress[]>
  /** The events after the given one of each session, in their order. */
  events(after: Map<string, number>): Promise<{ sessionId: string; id: number; event: SessionEvent }[]>
  lastEventId(sessionId: string): Promise<number>
}

export interface Rooms {
  /** Puts a subscriber into a room, then sends the stored progress if it is newer than `seenVersion`. False: no such session. */
  join(sessionId: string, subscriber: Subscriber, seenVersion?: number): Promise<boolean>
  leave(sessionId: string, subscriber: Subscriber): void
  joinActive(subscriber: Subscriber): Promise<void>
  /** Takes a subscriber out of every room. */
  leaveAll(subscriber: Subscriber): void
  /** Gives a subscriber that was not ready the newest of its rooms. */
  catchUp(subscriber: Subscriber): void
  /** Says that these sessions have a newer version; `urgent`: their status changed, so it goes out at once. */
  ring(sessionIds: readonly string[], urgent: boolean): void
  /** Reads every open room again: for when a ring may have been missed. */
  refreshAll(): void
  close(): void
}

interface Room {
  /** Who is in it, and the newest version that each was sent. */
  members: Map<Subscriber, number>
  latest: { version: number; text: string } | null
  lastEventId: number | null
  refreshedAt: number
  /** When it is to be read again; null when nothing is known to be new. */
  due: number | null
}

/** So many frames a second leave a node at most, over all sockets of a room (measured: 54,800 a second on one core). */
const framesPerSecond = 20_000
const slowest = 1000
const fastest = 100
/** Between two rounds over all members of a room the event loop gets a turn. */
const membersAtOnce = 500

/**
 * The rooms of one node. A ring only says that there is something new; what is sent is always read from the database,
 * merged to at most ten frames a second (fewer in a large room), and whole, so a frame that is lost costs nothing.
 */
export function createRooms(options: { source: RoomsSource; logger: FastifyBaseLogger; clock?: () => number }): Rooms {
  const { source, logger } = options
  const clock = options.clock ?? (() => performance.now())
  const rooms = new Map<string, Room>()
  const active = { members: new Set<Subscriber>(), key: '', text: '' }
  let timer: NodeJS.Timeout | null = null
  let refreshing = false
  let activeDue = false
  let closed = false

  function interval(room: Room): number {
    return Math.min(slowest, Math.max(fastest, (room.members.size * 1000) / framesPerSecond))
  }

  function schedule(): void {
    if (timer !== null || refreshing || closed) return
    const dues = [...rooms.values()].flatMap((room) => (room.due === null ? [] : [room.due]))
    if (dues.length === 0 && !activeDue) return
    const next = activeDue ? 0 : Math.min(...dues) - clock()
    timer = setTimeout(
      () => {
        timer = null
        void refreshDue()
      },
      Math.max(0, next),
    )
  }

  async function refreshDue(): Promise<void> {
    refreshing = true
    const now = clock()
    const due = [...rooms].filter(([, room]) => room.due !== null && room.due <= now)
    for (const [, room] of due) {
      room.due = null
      room.refreshedAt = now
    }
    const refreshActive = activeDue
    activeDue = false
    try {
      if (due.length > 0) await refresh(new Map(due))
      if (refreshActive && active.members.size > 0) await refreshActiveRoom()
    } catch (error) {
      logger.warn({ err: error }, 'rooms could not be read and will be again')
      for (const [, room] of due) room.due ??= now + slowest
      activeDue ||= refreshActive
      if (activeDue) await new Promise((resolve) => setTimeout(resolve, slowest))
    } finally {
      refreshing = false
      schedule()
    }
  }

  async function refresh(due: Map<string, Room>): Promise<void> {
    const known = new Map([...due].flatMap(([id, room]) => (room.lastEventId === null ? [] : [[id, room.lastEventId]])))
    const [progresses, events] = await Promise.all([source.progress([...due.keys()]), source.events(known)])
    for (const { sessionId, id, event } of events) {
      const room = due.get(sessionId)
      if (room === undefined || id <= (room.lastEventId ?? 0)) continue
      room.lastEventId = id
      await broadcast(room, { type: 'event', text: frame({ type: 'event', sessionId, data: event }), version: null })
    }
    for (const progress of progresses) {
      const room = due.get(progress.sessionId)
      if (room === undefined || (room.latest !== null && room.latest.version >= progress.version)) continue
      room.latest = { version: progress.version, text: frame({ type: 'progress', data: progress }) }
      await broadcast(room, { type: 'progress', ...room.latest })
    }
  }

  async function broadcast(room: Room, message: Parameters<Subscriber['send']>[0]): Promise<void> {
    let sent = 0
    for (const subscriber of Array.from(room.members.keys())) {
      if (message.version === null) {
        if (subscriber.ready()) subscriber.send(message)
      } else sendProgress(room, subscriber)
      sent += 1
      if (sent % membersAtOnce === 0) await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** Sends the newest progress of a room to one member, if it is newer than what it has and the member can take it. */
  function sendProgress(room: Room, subscriber: Subscriber): void {
    const seen = room.members.get(subscriber)
    if (seen === undefined || room.latest === null || room.latest.version <= seen || !subscriber.ready()) return
    room.members.set(subscriber, room.latest.version)
    subscriber.send({ type: 'progress', ...room.latest })
  }

  async function refreshActiveRoom(): Promise<void> {
    const progresses = await source.active()
    const key = progresses.map((progress) => progress.sessionId).join(' ')
    const changed = key !== active.key
    active.key = key
    active.text = frame({ type: 'active', data: progresses })
    if (!changed) return
    for (const subscriber of active.members) subscriber.send({ type: 'active', text: active.text, version: null })
  }

  return {
    async join(sessionId, subscriber, seenVersion = 0) {
      const room = rooms.get(sessionId) ?? {
        members: new Map(),
        latest: null,
        lastEventId: null,
        refreshedAt: -Infinity,
        due: null,
      }
      rooms.set(sessionId, room)
      room.members.set(subscriber, Math.max(seenVersion, room.members.get(subscriber) ?? 0))
      // Read after joining: what changes in between is either in what is read, or rings for a member already.
      room.lastEventId ??= await source.lastEventId(sessionId)
      const [progress] = await source.progress([sessionId])
      if (progress === undefined) {
        leave(sessionId, subscriber)
        return false
      }
      if (room.latest === null || progress.version > room.latest.version)
        room.latest = { version: progress.version, text: frame({ type: 'progress', data: progress }) }
      // A version that never was says nothing of what the subscriber has seen.
      if ((room.members.get(subscriber) ?? 0) > room.latest.version) room.members.set(subscriber, 0)
      sendProgress(room, subscriber)
      return true
    },
    leave,
    async joinActive(subscriber) {
      active.members.add(subscriber)
      const progresses = await source.active()
      subscriber.send({ type: 'active', text: frame({ type: 'active', data: progresses }), version: null })
      // Others may know less than was read now.
      activeDue = true
      schedule()
    },
    leaveAll(subscriber) {
      active.members.delete(subscriber)
      for (const sessionId of Array.from(rooms.keys())) leave(sessionId, subscriber)
    },
    catchUp(subscriber) {
      for (const room of rooms.values()) sendProgress(room, subscriber)
    },
    ring(sessionIds, urgent) {
      for (const sessionId of sessionIds) {
        const room = rooms.get(sessionId)
        if (room === undefined) continue
        const due = urgent ? clock() : Math.max(clock(), room.refreshedAt + interval(room))
        room.due = Math.min(room.due ?? Infinity, due)
      }
      if (urgent && active.members.size > 0) activeDue = true
      if (urgent && timer !== null) {
        clearTimeout(timer)
        timer = null
      }
      schedule()
    },
    refreshAll() {
      for (const room of rooms.values()) room.due ??= clock()
      activeDue = active.members.size > 0
      schedule()
    },
    close() {
      closed = true
      if (timer !== null) clearTimeout(timer)
      rooms.clear()
      active.members.clear()
    },
  }

  function leave(sessionId: string, subscriber: Subscriber): void {
    const room = rooms.get(sessionId)
    room?.members.delete(subscriber)
    if (room?.members.size === 0) rooms.delete(sessionId)
  }
}

function frame(content: ServerFrame): string {
  return JSON.stringify(content)
}
