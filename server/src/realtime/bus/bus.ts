import type { FastifyBaseLogger } from 'fastify'
import { periodicTask } from '../../util/periodic-task.ts'
import { createStateMachine, type Transitions } from '../../util/state-machine.ts'
import { decodeNotification, encodeNotification, PendingNotifications } from './notifications.ts'

/**
 * Tells the other nodes which sessions have a newer version, and never what the version is: a notification may be lost,
 * doubled or late, and the database is still right (decision 7).
 */
export interface Bus {
  /** Has the other nodes notified within 50 ms, or as soon as there is a connection; `urgent`: a status changed. */
  publish(sessionIds: readonly string[], urgent: boolean): void
  /** Sends what waits, where there is a connection, and ends it. */
  close(): Promise<void>
}

export interface BusOptions {
  logger: FastifyBaseLogger
  /** Called with what another node, or this one, has published. */
  onNotification: (sessionIds: string[], urgent: boolean) => void
  /** Called at least every 5 s, and at once whenever notifications may have been missed: then the rooms are to be read again. */
  onMissed: () => void
  timings?: Partial<BusTimings>
}

/** The times of a bus, in milliseconds. */
export interface BusTimings {
  /** The time between two calls of `onMissed` while the connection is open. */
  backstop: number
  /** The time between two calls while there is no connection, when nothing else says that other nodes have changed a session. */
  backstopWhileAway: number
  /** The time between two checks of the connection, which can be lost without an error. */
  check: number
  /** The longest that the other end may take to answer. */
  answer: number
  /** The wait after the first failed attempt to connect; it doubles with each further failure, up to `longestRetry`. */
  retry: number
  longestRetry: number
}

const usualTimings: BusTimings = {
  backstop: 5000,
  backstopWhileAway: 1000,
  check: 5000,
  answer: 5000,
  retry: 250,
  longestRetry: 2000,
}

/** An open connection that carries messages to all nodes. */
export interface Connection {
  /** Resolves once the message was handed over. */
  send(message: string): Promise<void>
  /** Resolves when the other end has answered. */
  check(): Promise<void>
  close(): Promise<void>
}

/** The service that carries the messages: PostgreSQL or Redis. */
export interface Transport {
  /** Names the transport in the log. */
  name: string
  /**
   * Opens a connection that receives every node's messages. Rejects within some seconds where that fails. `onLost` may be
   * called any number of times, also before the promise resolves.
   */
  connect(onMessage: (message: string) => void, onLost: (error: unknown) => void): Promise<Connection>
}

type Mode =
  /** There is no connection; the next attempt is under way or has its time. */
  | 'connecting'
  | 'open'
  /** No further attempt is made; what waits is sent over the connection that is left, if there is one. */
  | 'closing'
  | 'closed'

const transitions: Transitions<Mode> = {
  connecting: ['open', 'closing'],
  open: ['connecting', 'closing'],
  closing: ['closed'],
  closed: [],
}

/** Milliseconds for which notifications are gathered. */
const gatherFor = 50

/**
 * Opens the bus over a transport. It connects again whenever the connection is lost, and logs each loss once. What cannot be
 * sent waits for the next connection; what was missed meanwhile is made up for by `onMissed`.
 */
export function openBus(transport: Transport, options: BusOptions): Bus {
  const { logger } = options
  const timings = { ...usualTimings, ...options.timings }
  const mode = createStateMachine('bus', transitions, 'connecting')
  const pending = new PendingNotifications()
  let connection: Connection | null = null
  let failures = 0
  let sendTimer: NodeJS.Timeout | undefined

  const upkeep = periodicTask(
    {
      name: 'the upkeep of the bus',
      firstDelay: 0,
      interval: () => (mode.is('open') ? timings.check : retryDelay(failures, timings)),
      logger,
    },
    () => (connection === null ? tryToConnect() : check(connection)),
  )
  /** Makes up for whatever the connection lost, and waits for none of its answers. */
  const backstop = periodicTask(
    {
      name: 'reading the rooms again',
      firstDelay: timings.backstopWhileAway,
      interval: () => (mode.is('open') ? timings.backstop : timings.backstopWhileAway),
      logger,
    },
    options.onMissed,
  )

  function receive(message: string): void {
    const { sessionIds, urgent } = decodeNotification(message)
    if (mode.is('connecting', 'open')) options.onNotification(sessionIds, urgent)
  }

  async function tryToConnect(): Promise<void> {
    try {
      connection = await connect(transport, receive, (lost, error) => {
        lose(lost, error)
        upkeep.trigger()
      })
    } catch (error) {
      countFailure(error)
      return
    }
    if (!mode.is('connecting')) return
    mode.transitionTo('open')
    if (failures > 0) logger.info(`the bus between nodes over ${transport.name} is open`)
    failures = 0
    if (!pending.isEmpty) sendSoon()
    backstop.trigger()
  }

  async function check(checked: Connection): Promise<void> {
    try {
      await inTime(checked.check())
    } catch (error) {
      lose(checked, error)
    }
  }

  function lose(lost: Connection, error: unknown): void {
    if (connection !== lost) return
    connection = null
    void lost.close()
    if (!mode.is('open')) return
    mode.transitionTo('connecting')
    countFailure(error)
    backstop.trigger()
  }

  function countFailure(error: unknown): void {
    failures += 1
    if (failures > 1) return
    const text = `the bus between nodes over ${transport.name} is away; until it is back, the database is asked`
    logger.warn({ err: error }, text)
  }

  function sendSoon(): void {
    sendTimer ??= setTimeout(() => {
      sendTimer = undefined
      void sendPending()
    }, gatherFor)
  }

  async function sendPending(): Promise<void> {
    const over = connection
    if (over === null) return
    const notifications = pending.take()
    try {
      for (const notification of notifications) await inTime(over.send(encodeNotification(notification)))
    } catch (error) {
      for (const notification of notifications) pending.add(notification)
      lose(over, error)
      upkeep.trigger()
    }
  }

  /** Rejects where the other end takes longer to answer than it may. */
  async function inTime(answer: Promise<void>): Promise<void> {
    const late = Promise.withResolvers<void>()
    const error = new Error(`${transport.name} did not answer in time`)
    const timer = setTimeout(() => late.reject(error), timings.answer)
    try {
      await Promise.race([answer, late.promise])
    } finally {
      clearTimeout(timer)
    }
  }

  return {
    publish(sessionIds, urgent) {
      pending.add({ sessionIds, urgent })
      sendSoon()
    },
    async close() {
      if (mode.is('closing', 'closed')) return
      mode.transitionTo('closing')
      await Promise.all([upkeep.close(), backstop.close()])
      clearTimeout(sendTimer)
      if (!pending.isEmpty) await sendPending()
      await connection?.close()
      connection = null
      mode.transitionTo('closed')
    },
  }
}

/** Connects over a transport. `onLost` is called only after this has resolved: a connection lost before that rejects. */
async function connect(
  transport: Transport,
  onMessage: (message: string) => void,
  onLost: (lost: Connection, error: unknown) => void,
): Promise<Connection> {
  let opened: Connection | undefined
  let early: { error: unknown } | undefined
  opened = await transport.connect(onMessage, (error) => {
    if (opened === undefined) early ??= { error }
    else onLost(opened, error)
  })
  if (early === undefined) return opened
  await opened.close()
  throw early.error
}

/** Doubles with each failure, up to the longest, and is random, so that nodes that lost the same server do not all come back at once. */
function retryDelay(failures: number, { retry, longestRetry }: BusTimings): number {
  const longest = Math.min(longestRetry, retry * 2 ** Math.min(Math.max(failures, 1) - 1, 20))
  return longest * (0.5 + 0.5 * Math.random())
}
