import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { Client } from 'pg'
import type { FastifyBaseLogger } from 'fastify'
import { periodicTask } from '../util/periodic-task.ts'
import { createStateMachine, type Transitions } from '../util/state-machine.ts'
import { connectionName, graceSeconds, markDead, storeHeartbeat } from './nodes.queries.ts'

/** This process among the nodes of the installation. */
export interface ClusterNode {
  /** The id under which this process owns chunks; null while its last stored heartbeat is too old to act on. */
  id(): string | null
  /**
   * True when this node may declare others dead: its own heartbeats have been stored without a gap for some seconds, so
   * the database was not away in a way that kept the heartbeats of the others out, too.
   */
  canDeclareDead(): boolean
  /** Resolves once the node is registered. */
  ready: Promise<void>
  /** Marks the node dead, so that nobody waits for it, and ends its connection. */
  close(): Promise<void>
}

type Mode =
  /** The node is not registered under its present id. */
  | 'joining'
  /** The last heartbeat was stored. */
  | 'live'
  /** The last heartbeat was not stored, or the connection was lost since. */
  | 'suspect'
  | 'closed'

const transitions: Transitions<Mode> = {
  joining: ['live', 'closed'],
  // A node that was declared dead joins again under a new id.
  live: ['suspect', 'joining', 'closed'],
  suspect: ['live', 'joining', 'closed'],
  closed: [],
}

const heartbeatInterval = 500
/** A node stops acting this long after its last stored heartbeat, sooner than the others declare it dead. In milliseconds. */
const staleAfter = 3500
const answerWithin = 2000

/**
 * Registers this process as a node. The node keeps one connection open, whose end tells the others at once that the process
 * is gone, and stores a heartbeat twice a second. A node that was declared dead, because it was frozen or cut off, joins
 * again under a new id.
 *
 * `clock` gives milliseconds that go on while the process is frozen: so a process that was frozen knows at once, without
 * waiting for a timer, that its heartbeat is too old.
 */
export function joinCluster(options: {
  databaseUrl: string
  logger: FastifyBaseLogger
  clock?: () => number
}): ClusterNode {
  const { databaseUrl, logger } = options
  const clock = options.clock ?? (() => performance.now())
  const name = `${hostname()} ${process.pid}`
  const mode = createStateMachine('cluster node', transitions, 'joining')
  const ready = Promise.withResolvers<void>()
  let id = randomUUID()
  let connection: Client | null = null
  /** The time at which the last heartbeat that was stored had been sent. */
  let lastHeartbeatAt = -Infinity
  /** The time at which the first heartbeat was sent after more than a second without a stored one. */
  let gapEndedAt = -Infinity

  const heartbeats = periodicTask(
    { name: 'the heartbeat', firstDelay: 0, interval: heartbeatInterval, intervalFrom: 'start', logger },
    async () => {
      const sentAt = clock()
      try {
        connection ??= await connect(databaseUrl, id, onConnectionLost)
        if (await storeHeartbeat(connection, { id, name })) enterLive(sentAt)
        else await joinAgain()
      } catch (error) {
        await suspect()
        throw error
      }
    },
  )

  function onConnectionLost(lost: Client, error: Error): void {
    if (connection !== lost) return
    logger.warn({ err: error }, 'the connection of the node was lost')
    void suspect()
    heartbeats.trigger()
  }

  function enterLive(sentAt: number): void {
    if (!mode.is('joining') && sentAt - lastHeartbeatAt > 2 * heartbeatInterval) gapEndedAt = sentAt
    lastHeartbeatAt = sentAt
    if (!mode.is('live')) mode.transitionTo('live')
    ready.resolve()
  }

  async function suspect(): Promise<void> {
    if (mode.is('live')) mode.transitionTo('suspect')
    await disconnect()
  }

  async function joinAgain(): Promise<void> {
    logger.warn({ node: id }, 'this process was declared dead and goes on under a new id')
    id = randomUUID()
    if (!mode.is('joining')) mode.transitionTo('joining')
    await disconnect()
  }

  async function disconnect(): Promise<void> {
    const ended = connection
    connection = null
    await ended?.end().catch(() => undefined)
  }

  function isFresh(): boolean {
    return mode.is('live', 'suspect') && clock() - lastHeartbeatAt < staleAfter
  }

  return {
    id: () => (isFresh() ? id : null),
    canDeclareDead: () => isFresh() && clock() - gapEndedAt > graceSeconds * 1000,
    ready: ready.promise,
    async close() {
      if (mode.is('closed')) return
      await heartbeats.close()
      mode.transitionTo('closed')
      if (connection !== null)
        await markDead(connection, id).catch((error: unknown) =>
          logger.warn({ err: error }, 'the node could not be marked dead'),
        )
      await disconnect()
    },
  }
}

/** Opens the connection that a node keeps open. `onLost` may be called at any time after it is open. */
async function connect(
  databaseUrl: string,
  nodeId: string,
  onLost: (connection: Client, error: Error) => void,
): Promise<Client> {
  const connection = new Client({
    connectionString: databaseUrl,
    application_name: connectionName(nodeId),
    connectionTimeoutMillis: answerWithin,
    query_timeout: answerWithin,
    keepAlive: true,
  })
  connection.on('error', (error) => onLost(connection, error))
  try {
    await connection.connect()
    // The name is set once more, because a name in DATABASE_URL wins over the one above, and the other nodes look for this one.
    await connection.query(`SELECT set_config('application_name', $1, false)`, [connectionName(nodeId)])
    return connection
  } catch (error) {
    connection.end().catch(() => undefined)
    throw error
  }
}
