import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { Client } from 'pg'
import type { FastifyBaseLogger } from 'fastify'

/** This process among the nodes of the installation. */
export interface Node {
  /** The id that chunks are held under; null while the last beat that the database heard is too old to act on. */
  id(): string | null
  /** True when this node may take others for dead: it has been heard long enough to know that it is not the database that was away. */
  mayJudge(): boolean
  /** Resolves once the node is registered. */
  ready: Promise<void>
  /** Says good-bye: marks the node dead, so that nobody waits for it. */
  close(): Promise<void>
}

const beatEvery = 500
/** A node whose beat is older is dead to the others. */
export const deadAfterSeconds = 5
/** A node whose connection is gone and whose beat is older is dead to the others; one that is alive connects again sooner. */
export const goneAfterSeconds = 1.2
/** It stops by itself before the others may think so. */
const staleAfter = 3500
/** After the database was away, every node has this long to be heard again before anybody judges. */
export const judgeAfterSeconds = 3

/**
 * Keeps one connection open whose end tells the others at once that this process is gone, and a row with a beat twice a
 * second. A node that was marked dead (it was frozen, or cut off) goes on under a new id.
 *
 * `clock` gives milliseconds that go on while the process is frozen.
 */
export function joinNodes(options: { databaseUrl: string; logger: FastifyBaseLogger; clock?: () => number }): Node {
  const { logger } = options
  const clock = options.clock ?? (() => performance.now())
  const name = `${hostname()} ${process.pid}`
  const ready = Promise.withResolvers<void>()
  let id = randomUUID()
  let connection: Client | null = null
  /** When a beat was heard again after some were not. */
  let missedUntil = -Infinity
  let heardAt = -Infinity
  let closed = false
  let beating = false
  let timer: NodeJS.Timeout | undefined

  async function connect(): Promise<Client> {
    const opened = new Client({
      connectionString: options.databaseUrl,
      application_name: `rollcall node ${id}`,
      connectionTimeoutMillis: 2000,
      query_timeout: 2000,
      keepAlive: true,
    })
    opened.on('error', (error) => {
      if (connection !== opened) return
      connection = null
      logger.warn({ err: error }, 'the connection of the node was lost')
      void beat()
    })
    try {
      await opened.connect()
      // Said once more, because a name in DATABASE_URL wins over the one above, and the others look for this one.
      await opened.query(`SELECT set_config('application_name', $1, false)`, [`rollcall node ${id}`])
      return opened
    } catch (error) {
      opened.end().catch(() => undefined)
      throw error
    }
  }

  async function beat(): Promise<void> {
    if (beating || closed) return
    beating = true
    clearTimeout(timer)
    const askedAt = clock()
    try {
      connection ??= await connect()
      if (await heard(connection, id, name)) {
        if (heardAt !== -Infinity && askedAt - heardAt > 2 * beatEvery) missedUntil = askedAt
        heardAt = askedAt
      } else await goOnUnderNewId()
      ready.resolve()
    } catch (error) {
      logger.warn({ err: error }, 'the beat of the node was not heard')
      await disconnect()
    } finally {
      beating = false
      if (!closed) timer = setTimeout(() => void beat(), Math.max(0, beatEvery - (clock() - askedAt)))
    }
  }

  async function goOnUnderNewId(): Promise<void> {
    logger.warn({ node: id }, 'this process was taken for dead and goes on under a new id')
    id = randomUUID()
    heardAt = -Infinity
    await disconnect()
  }

  async function disconnect(): Promise<void> {
    const ended = connection
    connection = null
    await ended?.end().catch(() => undefined)
  }

  void beat()
  return {
    id: () => (!closed && clock() - heardAt < staleAfter ? id : null),
    mayJudge: () => clock() - missedUntil > judgeAfterSeconds * 1000 && clock() - heardAt < staleAfter,
    ready: ready.promise,
    async close() {
      closed = true
      clearTimeout(timer)
      await connection
        ?.query('UPDATE nodes SET dead_at = now() WHERE id = $1', [id])
        .catch((error: unknown) => logger.warn({ err: error }, 'the node could not say good-bye'))
      await disconnect()
    },
  }
}

/** Registers the node or renews its beat; false when it was marked dead. */
async function heard(connection: Client, id: string, name: string): Promise<boolean> {
  const { rows } = await connection.query(
    `INSERT INTO nodes (id, name, backend_pid) VALUES ($1, $2, pg_backend_pid())
     ON CONFLICT (id) DO UPDATE SET beat_at = now(), backend_pid = pg_backend_pid() WHERE nodes.dead_at IS NULL
     RETURNING id`,
    [id, name],
  )
  return rows.length > 0
}
