import type { AddressInfo } from 'node:net'
import { pino } from 'pino'
import { decorateWithStaff } from '../../server/src/http/authorization.ts'
import { createServer } from '../../server/src/http/server.ts'
import { liveRoutes, liveTimings } from '../../server/src/realtime/live.routes.ts'
import { createConnectionRateLimit, connectionRates } from '../../server/src/realtime/connection-rate-limit.ts'
import { createRooms } from '../../server/src/realtime/rooms.ts'
import { revalidateSignIns } from '../../server/src/realtime/sign-in-revalidation.ts'
import { progressNow, type Contender } from './contender.ts'

/** Opens Rollcall's own server, live connection and rooms; only the signed-in people and the stored progress are made up. */
export async function openRollcall(pace: 'its own' | 'as fast as it can'): Promise<Contender> {
  let stored = progressNow()
  const logger = pino({ level: 'warn' })
  const rooms = createRooms({
    source: {
      progress: async () => [stored],
      active: async () => [stored],
      events: async () => [],
      lastEventId: async () => 0,
    },
    logger,
    ...(pace === 'its own' ? {} : { mergeInterval: () => 0 }),
  })
  const server = await createServer({ logger, https: false })
  const identify = async (headers: Record<string, unknown>) => {
    const id = String(headers['x-api-key'])
    return { id, name: id, email: `${id}@crm.example`, role: 'support', sessionExpiresAt: null } as const
  }
  decorateWithStaff(server, { identify, allowedOrigins: [] })
  const signIns = revalidateSignIns({ identify, areValid: async (all) => all.map(() => true), every: 3000, logger })
  await server.register(liveRoutes, {
    rooms,
    signIns,
    connectionRateLimit: createConnectionRateLimit(connectionRates),
    now: () => new Date(),
    timings: liveTimings,
  })
  await server.listen({ host: '127.0.0.1', port: 0 })
  return {
    port: (server.server.address() as AddressInfo).port,
    publish(progress) {
      stored = progress
      rooms.publish([progress.sessionId], false)
    },
    async close() {
      signIns.close()
      rooms.close()
      await server.close()
    },
  }
}
