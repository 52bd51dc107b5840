import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { Client } from 'pg'
import type { FastifyBaseLogger } from 'fastify'

/** This process among the nodes of the installation. */
export interface Node {
  /** The id that chunks are held under; null while the last beat that the database heard is too old to act on. */
  id(): string | null
  name: string
  /** Resolves once the node is registered. */
  ready: Promise<void>
  /** Says good-bye: marks the node dead, so that nobody waits for it. */
  close(): Promise<void>
}

const beatEvery = 1000
/** A node whose beat is older is dead to the others. */
export const deadAfterSeconds = 5
/** It stops by itself before the others may think so. */
const staleAfter = 3500

/**
 * Keeps one connection open whose end tells the others at once that this process is gone, and a row with a beat every
 * second. A node that was marked dead (it was frozen, or cut off) goes on under a new id.
 *
 * `clock` gives milliseconds that go on while the process is frozen.
 */
export function joinNodes(options: { databaseUrl: string; logger: FastifyBaseLogger; clock?: () => number }): Node {
  const clock = options.clock ?? (() => performance.now())
  const name = `${hostname()} ${process.pid}`
  let id = randomUUID()
  let heardAt = -Infinity
  let client: Client | null = null
  let closed = false
  let timer: NodeJS.Timeout | undefined
  let markReady: () => void = () => undefined
  const ready = new Promise<void>((resolve) => (markReady = resolve))

  async function connect(): Promise<Client> {
    const opened = new Client({
      connectionString: options.databaseUrl,
      application_name: `rollcall node ${id}`,
      connectionTimeoutMillis: 5000,
      keepAlive: true,
    })
    opened.on('error', (error) => {
      options.logger.warn({ err: error }, 'the connection of the node was lost')
      if (client === opened) client = null
    })
    await opened.connect()
    return opened
  }

  async function beat(): Promise<void> {
    const askedAt = clock()
    try {
      client ??= await connect()
      const { rows } = await client.query<{ dead: boolean }>(
        `INSERT INTO nodes (id, name, backend_pid) VALUES ($1, $2, pg_backend_pid())
         ON CONFLICT (id) DO UPDATE SET beat_at = now(), backend_pid = pg_backend_pid() WHERE nodes.dead_at IS NULL
         RETURNING false AS dead`,
        [id, name],
      )
      if (rows.length === 0) await startAgain()
      else heardAt = askedAt
      if (rows.length > 0) markReady()
    } catch (error) {
      options.logger.warn({ err: error }, 'the beat of the node was not heard')
      await client?.end().catch(() => undefined)
      client = null
    } finally {
      if (!closed) timer = setTimeout(() => void beat(), Math.max(0, beatEvery - (clock() - askedAt)))
    }
  }

  async function startAgain(): Promise<void> {
    options.logger.warn({ node: id }, 'this process was taken for dead and goes on under a new id')
    id = randomUUID()
    heardAt = -Infinity
    await client?.end()
    client = null
  }

  void beat()
  return {
    id: () => (!closed && clock() - heardAt < staleAfter ? id : null),
    name,
    ready,
    async close() {
      closed = true
      clearTimeout(timer)
      try {
        await client?.query('UPDATE nodes SET dead_at = now() WHERE id = $1', [id])
        await client?.end()
      } catch (error) {
        options.logger.warn({ err: error }, 'the node could not say good-bye')
      }
    },
  }
}
