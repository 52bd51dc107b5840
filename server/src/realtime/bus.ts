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
const retryEvery = 1000
/** Below the 8,000 bytes that PostgreSQL takes in one notification. */
const idsAtOnce = 100

/**
 * The doorbell over PostgreSQL's LISTEN and NOTIFY, on one connection of its own: it listens, and rings in transactions
 * of their own, because a NOTIFY serialises the commits that carry one. A LISTEN dies silently, so every 5 s the
 * connection is asked for an answer; one that is lost is opened again at once. `onGap` is called whenever rings may have
 * been missed.
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
  let checking: Promise<void> | null = null

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
    try {
      await opened.connect()
      await opened.query(`LISTEN ${channel}`)
    } catch (error) {
      opened.end().catch(() => undefined)
      throw error
    }
    client = opened
    if (waiting.size > 0) ringSoon()
  }

  function lost(which: Client, error: unknown): void {
    which.end().catch(() => undefined)
    if (client !== which || closed) return
    client = null
    logger.warn({ err: error }, 'the bus between nodes was lost and is opened again')
    checkAfter(0)
  }

  function checkAfter(milliseconds: number): void {
    clearTimeout(checkTimer)
    if (closed) return
    checkTimer = setTimeout(() => {
      checking ??= check().finally(() => (checking = null))
    }, milliseconds)
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
      if (!closed) onGap()
      checkAfter(client === null ? retryEvery : checkEvery)
    }
  }

  function ringSoon(): void {
    ringTimer ??= setTimeout(() => {
      ringTimer = null
      ringNow().catch((error: unknown) => logger.warn({ err: error }, 'a ring was not heard and is tried again'))
    }, ringEvery)
  }

  /** Rings that cannot be rung wait for the next connection. */
  async function ringNow(): Promise<void> {
    const over = client
    if (over === null) return
    const rung = waiting
    waiting = new Map()
    try {
      for (const urgent of [true, false]) {
        const sessionIds = [...rung].filter(([, each]) => each === urgent).map(([id]) => id)
        for (let start = 0; start < sessionIds.length; start += idsAtOnce) {
          const payload = [urgent ? '!' : '.', ...sessionIds.slice(start, start + idsAtOnce)].join(' ')
          await over.query('SELECT pg_notify($1, $2)', [channel, payload])
        }
      }
    } catch (error) {
      for (const [id, urgent] of rung) waiting.set(id, urgent || waiting.get(id) === true)
      lost(over, error)
      throw error
    }
  }

  checkAfter(0)
  return {
    ring(sessionIds, urgent) {
      for (const id of sessionIds) waiting.set(id, urgent || waiting.get(id) === true)
      ringSoon()
    },
    async close() {
      closed = true
      clearTimeout(checkTimer)
      if (ringTimer !== null) clearTimeout(ringTimer)
      await checking
      if (waiting.size > 0) await ringNow().catch(() => undefined)
      await client?.end().catch(() => undefined)
    },
  }
}
