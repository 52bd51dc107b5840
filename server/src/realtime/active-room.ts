import type { FastifyBaseLogger } from 'fastify'
import type { Progress } from '@rollcall/shared'
import { createDeadlineTimer } from './deadline-timer.ts'
import { Frame } from './frames.ts'
import type { Subscriber } from './subscriber.ts'
import { forEachYielding } from '../util/for-each-yielding.ts'

/** The room of everybody who watches which sessions run. */
export interface ActiveRoom {
  /** Puts a subscriber into the room, and sends it the list as soon as that is read. */
  join(subscriber: Subscriber): void
  leave(subscriber: Subscriber): void
  has(subscriber: Subscriber): boolean
  /** Has the list read again, because a session may have started or ended, or a subscriber is ready again. */
  refresh(): void
  close(): void
}

/** A list that could not be read is read again after so many milliseconds. */
const retryAfter = 1000

/** Creates the room. It sends the list of sessions that are not over to each member that was not sent the same list. `clock` gives milliseconds. */
export function createActiveRoom(options: {
  read: () => Promise<Progress[]>
  clock: () => number
  logger: FastifyBaseLogger
}): ActiveRoom {
  const { read, clock, logger } = options
  /** The list that each member was sent, as its ids; null: none yet. */
  const members = new Map<Subscriber, string | null>()
  const timer = createDeadlineTimer(clock, () => void readAndSend())
  let due: number | null = null
  /** True from the reading of a list until it was sent to everybody. */
  let busy = false

  /** Sets the timer unless a list is under way: the next one is read after that, so nobody gets an older list after a newer one. */
  function setTimer(): void {
    if (due !== null && !busy) timer.set(due)
  }

  async function readAndSend(): Promise<void> {
    busy = true
    due = null
    try {
      if (members.size > 0) await send(await read())
    } catch (error) {
      logger.warn({ err: error }, 'the list of sessions could not be read or sent, and will be again')
      due ??= clock() + retryAfter
    } finally {
      busy = false
      setTimer()
    }
  }

  async function send(progresses: Progress[]): Promise<void> {
    const list = progresses.map((progress) => progress.sessionId).join(' ')
    const frame = new Frame({ type: 'active', data: progresses })
    await forEachYielding(members, ([subscriber, sent]) => {
      if (sent === list || !subscriber.ready()) return
      members.set(subscriber, list)
      subscriber.send(frame)
    })
  }

  function refresh(): void {
    if (members.size === 0) return
    due = clock()
    setTimer()
  }

  return {
    join(subscriber) {
      members.set(subscriber, null)
      refresh()
    },
    leave: (subscriber) => void members.delete(subscriber),
    has: (subscriber) => members.has(subscriber),
    refresh,
    close() {
      timer.stop()
      members.clear()
    },
  }
}
