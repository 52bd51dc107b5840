import type { FastifyBaseLogger } from 'fastify'
import type { Progress } from '@rollcall/shared'
import { createDeadlineTimer } from './deadline-timer.ts'
import { Frame } from './frames.ts'
import type { Subscriber } from './subscriber.ts'
import { forEachYielding } from '../util/for-each-yielding.ts'

/** Everybody who watches which sessions run. */
export interface ActiveRoom {
  /** Sends the list to whoever comes as soon as it is read. */
  join(subscriber: Subscriber): void
  leave(subscriber: Subscriber): void
  has(subscriber: Subscriber): boolean
  /** Says that a session may have started or ended, or that somebody can take a list again. */
  refresh(): void
  close(): void
}

/** In milliseconds. */
const retryAfter = 1000

/** Sends the list of sessions that are not over to each member that was not sent this same list. `clock`: milliseconds. */
export function createActiveRoom(options: {
  read: () => Promise<Progress[]>
  clock: () => number
  logger: FastifyBaseLogger
}): ActiveRoom {
  const { read, clock, logger } = options
  /** Which list each was sent; null: none yet. */
  const members = new Map<Subscriber, string | null>()
  const timer = createDeadlineTimer(clock, () => void readAndTell())
  let due: number | null = null
  /** From the reading of a list until everybody was told. */
  let busy = false

  /** A list is read when everybody has the one before, so that nobody gets an older one after a newer one. */
  function wake(): void {
    if (due !== null && !busy) timer.set(due)
  }

  async function readAndTell(): Promise<void> {
    busy = true
    due = null
    try {
      if (members.size > 0) await tell(await read())
    } catch (error) {
      logger.warn({ err: error }, 'the list of sessions could not be read or told, and will be again')
      due ??= clock() + retryAfter
    } finally {
      busy = false
      wake()
    }
  }

  async function tell(progresses: Progress[]): Promise<void> {
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
    wake()
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
