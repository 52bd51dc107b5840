import { Client } from 'pg'
import { openBus, type Bus, type BusOptions, type OpenLine } from './bus.ts'

const channel = 'rollcall_progress'
const answerWithin = 5000

/**
 * The doorbell over PostgreSQL's LISTEN and NOTIFY, on one connection of its own: it listens, and rings in transactions of
 * their own, because a NOTIFY serialises the commits that carry one.
 */
export function openPostgresBus(options: BusOptions & { databaseUrl: string }): Bus {
  return openBus('PostgreSQL', postgresLine(options.databaseUrl), options)
}

function postgresLine(databaseUrl: string): OpenLine {
  return async (onMessage, onLost) => {
    const client = new Client({
      connectionString: databaseUrl,
      application_name: 'rollcall bus',
      connectionTimeoutMillis: answerWithin,
      query_timeout: answerWithin,
      keepAlive: true,
    })
    const close = async () => {
      await client.end().catch(() => undefined)
    }
    client.on('error', onLost)
    client.on('notification', ({ payload }) => onMessage(payload ?? ''))
    try {
      await client.connect()
      await client.query(`LISTEN ${channel}`)
    } catch (error) {
      await close()
      throw error
    }
    return {
      async send(message) {
        await client.query('SELECT pg_notify($1, $2)', [channel, message])
      },
      async check() {
        await client.query('SELECT 1')
      },
      close,
    }
  }
}
