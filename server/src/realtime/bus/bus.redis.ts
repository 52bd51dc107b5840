import { isIP } from 'node:net'
import { createClient } from 'redis'
import { openBus, type Bus, type BusOptions, type Transport } from './bus.ts'

/** Redis has so many milliseconds to open both connections. */
const answerWithin = 5000

/**
 * Opens the bus over Redis's `PUBLISH` and `SUBSCRIBE`, on two connections, because one that subscribes can do nothing else.
 * `redisUrl` is redis:// or rediss://, with user and password where they are needed; it is never logged.
 */
export function openRedisBus(options: BusOptions & { redisUrl: string }): Bus {
  return openBus(redisTransport(options.redisUrl), options)
}

/** The number of the database is part of the name, because Redis keeps messages apart by the name of their channel only. */
function channelOf(redisUrl: string): string {
  return `rollcall:progress:${new URL(redisUrl).pathname.slice(1) || '0'}`
}

function redisTransport(redisUrl: string): Transport {
  const channel = channelOf(redisUrl)
  return {
    name: 'Redis',
    async connect(onMessage, onLost) {
      const [publisher, subscriber] = [createClientFor(redisUrl), createClientFor(redisUrl)]
      const clients = [publisher, subscriber]
      const close = async () => {
        for (const client of clients) client.destroy()
      }
      for (const client of clients) client.on('error', onLost)
      // A server may take a connection and then never answer; whatever waits for a destroyed client rejects.
      const timeout = setTimeout(() => void close(), answerWithin)
      try {
        await Promise.all(clients.map((client) => client.connect()))
        await subscriber.subscribe(channel, onMessage)
      } catch (error) {
        await close()
        throw error
      } finally {
        clearTimeout(timeout)
      }
      return {
        async send(message) {
          await publisher.publish(channel, message)
        },
        async check() {
          await Promise.all(clients.map((client) => client.ping()))
        },
        close,
      }
    },
  }
}

/** Creates a client that neither reconnects nor queues by itself, because the bus does both. */
function createClientFor(redisUrl: string) {
  const { protocol, hostname } = new URL(redisUrl)
  const socket = { connectTimeout: answerWithin, reconnectStrategy: false as const }
  // Node does not send the name of the server by itself, and a server may have certificates for several names.
  const servername = isIP(hostname.replaceAll(/[[\]]/g, '')) === 0 ? { servername: hostname } : {}
  return createClient({
    url: redisUrl,
    // Every Redis speaks this protocol, and a restricted user may do everything that the client does in it.
    RESP: 2,
    maintNotifications: 'disabled',
    disableClientInfo: true,
    disableOfflineQueue: true,
    socket: protocol === 'rediss:' ? { ...socket, ...servername, tls: true } : socket,
  })
}
