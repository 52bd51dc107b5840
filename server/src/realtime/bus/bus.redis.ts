import { isIP } from 'node:net'
import { createClient } from 'redis'
import { openBus, type Bus, type BusOptions, type OpenLine } from './bus.ts'

const answerWithin = 5000

/**
 * The doorbell over Redis's PUBLISH and SUBSCRIBE, on two connections: one that listens does nothing else. `redisUrl` is
 * redis:// or rediss://, with user and password where they are needed; it is never logged.
 */
export function openRedisBus(options: BusOptions & { redisUrl: string }): Bus {
  return openBus('Redis', redisLine(options.redisUrl), options)
}

/** Redis keeps what is published apart by name only, not by the number of the database, so the number is in the name. */
function channelOf(redisUrl: string): string {
  return `rollcall:progress:${new URL(redisUrl).pathname.slice(1) || '0'}`
}

function redisLine(redisUrl: string): OpenLine {
  const channel = channelOf(redisUrl)
  return async (onMessage, onLost) => {
    const [publisher, subscriber] = [openClient(redisUrl), openClient(redisUrl)]
    const clients = [publisher, subscriber]
    const close = async () => {
      for (const client of clients) client.destroy()
    }
    for (const client of clients) client.on('error', onLost)
    // Some of these may not answer at all; what is destroyed rejects.
    const patience = setTimeout(() => void close(), answerWithin)
    try {
      await Promise.all(clients.map((client) => client.connect()))
      await subscriber.subscribe(channel, onMessage)
    } catch (error) {
      await close()
      throw error
    } finally {
      clearTimeout(patience)
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
  }
}

/** One that does nothing by itself: what is lost is opened again by the bus, and nothing is queued meanwhile. */
function openClient(redisUrl: string) {
  const { protocol, hostname } = new URL(redisUrl)
  const socket = { connectTimeout: answerWithin, reconnectStrategy: false as const }
  // Node does not tell a server by itself which name it was asked for, and some have several.
  const servername = isIP(hostname.replaceAll(/[[\]]/g, '')) === 0 ? { servername: hostname } : {}
  return createClient({
    url: redisUrl,
    // The protocol that every Redis speaks, and nothing that a restricted user may not do.
    RESP: 2,
    maintNotifications: 'disabled',
    disableClientInfo: true,
    disableOfflineQueue: true,
    socket: protocol === 'rediss:' ? { ...socket, ...servername, tls: true } : socket,
  })
}
