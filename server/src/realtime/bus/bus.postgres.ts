import { Client } from 'pg'
import { openBus, type Bus, type BusOptions, type Transport } from './bus.ts'

const channel = 'rollcall_progress'
/** PostgreSQL has so many milliseconds to accept the connection, and to answer each statement. */
const answerWithin = 5000

/**
 * Opens the bus over PostgreSQL's `LISTEN` and `NOTIFY`, on one connection of its own. A notification is sent in a
 * transaction of its own, because a `NOTIFY` makes the commits that carry one wait for each other.
 */
export function openPostgresBus(options: BusOptions & { databaseUrl: string }): Bus {
  return openBus(postgresTransport(options.databaseUrl), options)
}

function postgresTransport(databaseUrl: string): Transport {
  return {
    name: 'PostgreSQL',
    async connect(onMessage, onLost) {
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
    },
  }
}
