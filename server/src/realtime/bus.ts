import { Client } from 'pg'
import type { FastifyBaseLogger } from 'fastify'

/** What a node hears: sessions with a newer version; `urgent` when a status changed. */
export type OnRing = (sessionIds: string[], urgent: boolean) => void

/** The doorbell between nodes: tells that there is something new, never what. Losing a ring costs seconds, never truth. */
export interface Bus {
  ring(sessionIds: readonly string[], urgent: boolean): void
  close(): Promise<void>
}

const channel = 'rollcall_progress'
const ringEvery = 50
const checkEvery = 5000
/** Below the 8,000 bytes that PostgreSQL takes in one notification. */
const idsAtOnce = 100

/**
 * The doorbell over PostgreSQL's LISTEN and NOTIFY, on one connection of its own: it listens, and rings in transactions
 * of their own, because a NOTIFY serialises the commits that carry one. A LISTEN dies silently, so every 5 s the
 * connection is asked for an answer, and `onGap` is called whenever rings may have been missed.
 */
export function openPostgresBus(options: {
  databaseUrl: string
  logger: FastifyBaseLogger
  onRing: OnRing
  onGap: () => void
}): Bus {
  const { logger, onRing, onGap } = options
  let client: Client | null = null
  let closed = false
  let waiting = new Map<string, boolean>()
  let ringTimer: NodeJS.Timeout | null = null
  let checkTimer: NodeJS.Timeout | undefined

  async function connect(): Promise<void> {
    const opened = new Client({
      connectionString: options.databaseUrl,
      application_name: 'rollcall bus',
      connectionTimeoutMillis: 5000,
      query_timeout: 5000,
      keepAlive: true,
    })
    opened.on('error', (error) => lost(opened, error))
    opened.on('notification', ({ payload }) => {
      const [urgent, ...sessionIds] = (payload ?? '').split(' ')
      onRing(sessionIds, urgent === '!')
    })
    await opened.connect()
    await opened.query(`LISTEN ${channel}`)
    client = opened
    onGap()
  }

  function lost(which: Client, error: unknown): void {
    if (client === which) client = null
    if (!closed) logger.warn({ err: error }, 'the bus between nodes was lost and is opened again')
    which.end().catch(() => undefined)
  }

  async function check(): Promise<void> {
    const checked = client
    try {
      if (checked === null) await connect()
      else await checked.query('SELECT 1')
    } catch (error) {
      if (checked === null) logger.warn({ err: error }, 'the bus between nodes cannot be opened yet')
      else lost(checked, error)
    } finally {
      // The backstop: whatever the bus lost, the rooms are right again after this.
      onGap()
      if (!closed) checkTimer = setTimeout(() => void check(), checkEvery)
    }
  }

  async function ringNow(): Promise<void> {
    ringTimer = null
    const rung = waiting
    waiting = new Map()
    for (const urgent of [true, false]) {
      const sessionIds = [...rung].filter(([, each]) => each === urgent).map(([id]) => id)
      for (let start = 0; start < sessionIds.length; start += idsAtOnce) {
        const payload = [urgent ? '!' : '.', ...sessionIds.slice(start, start + idsAtOnce)].join(' ')
        await client?.query('SELECT pg_notify($1, $2)', [channel, payload])
      }
    }
  }

  void check()
  return {
    ring(sessionIds, urgent) {
      for (const id of sessionIds) waiting.set(id, urgent || waiting.get(id) === true)
      ringTimer ??= setTimeout(() => {
        ringNow().catch((error: unknown) =>
          logger.warn({ err: error }, 'a ring was lost; other nodes look by themselves'),
        )
      }, ringEvery)
    },
    async close() {
      closed = true
      clearTimeout(checkTimer)
      if (ringTimer !== null) {
        clearTimeout(ringTimer)
        await ringNow().catch(() => undefined)
      }
      await client?.end().catch(() => undefined)
    },
  }
}
