import { pino } from 'pino'
import { Client } from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { until } from '../../../test/app/activation.ts'
import { createTestDatabase, type TestDatabase } from '../../../test/database/database.ts'
import { startProxy, type Proxy } from '../../../test/process/proxy.ts'
import { startRedis, type TestRedis } from '../../../test/cluster/redis.ts'
import type { Bus, BusOptions, BusTimings } from './bus.ts'
import type { Notification } from './notifications.ts'
import { openPostgresBus } from './bus.postgres.ts'
import { openRedisBus } from './bus.redis.ts'

let test: TestDatabase
let redis: TestRedis
const opened: Bus[] = []
const proxies: Proxy[] = []

beforeAll(async () => {
  redis = await startRedis()
  test = await createTestDatabase()
})
afterEach(async () => {
  for (const bus of opened.splice(0)) await bus.close()
  for (const proxy of proxies.splice(0)) await proxy.stop()
})
afterAll(async () => {
  await test?.close()
  await redis?.stop()
})

const transports = {
  postgres: {
    name: 'PostgreSQL',
    address: () => test.url,
    open: (databaseUrl: string, options: BusOptions) => openPostgresBus({ databaseUrl, ...options }),
    killAll: () =>
      test.pool.query(`SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'rollcall bus'`),
    /** Prevents every connection until the function that it returns is called. */
    async shut() {
      const elsewhere = new Client({ connectionString: inject('postgresUrl') })
      await elsewhere.connect()
      const name = new URL(test.url).pathname.slice(1)
      await elsewhere.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`)
      await this.killAll()
      return async () => {
        await elsewhere.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`)
        await elsewhere.end()
      }
    },
  },
  redis: {
    name: 'Redis',
    address: () => redis.url,
    open: (redisUrl: string, options: BusOptions) => openRedisBus({ redisUrl, ...options }),
    async killAll() {
      await redis.kill()
      await redis.start()
    },
    async shut() {
      await redis.kill()
      return () => redis.start()
    },
  },
}
type Transport = (typeof transports)[keyof typeof transports]

/** The session that a node publishes until it is notified of it itself, and so knows that it is connected. */
const listening = 'listening'

describe('a bus over PostgreSQL', () => {
  testBus(transports.postgres)
})
describe('a bus over Redis', () => {
  testBus(transports.redis)
})

function testBus(transport: Transport): void {
  /** Opens a node's bus; what it was notified of and logged is in the object. */
  function startNode(address: string, timings: Partial<BusTimings>) {
    const node = { notifications: [] as Notification[], missed: 0, missedBeforeWarning: 0, log: [] as string[] }
    const logger = pino({ level: 'info' }, { write: (line: string) => node.log.push(line) })
    const bus = transport.open(address, {
      logger,
      onNotification: (sessionIds, urgent) => node.notifications.push({ sessionIds, urgent }),
      onMissed() {
        node.missed += 1
        if (warnings(node).length === 0) node.missedBeforeWarning += 1
      },
      timings,
    })
    opened.push(bus)
    return Object.assign(node, { bus })
  }
  type Node = ReturnType<typeof startNode>

  /** Opens a node's bus and waits until it is connected. */
  async function openNode(timings: Partial<BusTimings> = {}, address = transport.address()) {
    const node = startNode(address, timings)
    await untilDelivered(node, node, listening)
    return node
  }

  const sessionsAt = (node: Node) => node.notifications.flatMap(({ sessionIds }) => sessionIds)
  const sessionsOfOthersAt = (node: Node) => sessionsAt(node).filter((sessionId) => sessionId !== listening)
  const untilNotified = (node: Node, sessionId: string) =>
    until(
      async () => sessionsAt(node),
      (sessionIds) => sessionIds.includes(sessionId),
    )
  const untilMissed = (node: { missed: number }, least: number) =>
    until(
      async () => node.missed,
      (missed) => missed >= least,
    )
  /** Publishes again and again, as running sessions do, until the other node is notified. */
  const untilDelivered = (from: Node, to: Node, sessionId: string) =>
    until(
      async () => {
        from.bus.publish([sessionId], true)
        return sessionsAt(to)
      },
      (sessionIds) => sessionIds.includes(sessionId),
    )
  const warnings = (node: { log: string[] }) => node.log.filter((line) => JSON.parse(line).level >= 40)

  it('a session that is published many times reaches the other node once, and as urgent when it was so once', async () => {
    const [here, there] = [await openNode(), await openNode()]
    for (let count = 0; count < 100; count++) here.bus.publish(['a', 'b'], false)
    here.bus.publish(['b'], true)
    await until(
      async () => sessionsOfOthersAt(there).toSorted((a, b) => a.localeCompare(b)),
      (sessionIds) => sessionIds.join() === 'a,b',
    )
    expect(there.notifications.find(({ sessionIds }) => sessionIds.includes('b'))?.urgent).toBe(true)
    expect(there.notifications.find(({ sessionIds }) => sessionIds.includes('a'))?.urgent).toBe(false)
  })

  it('more sessions than one message holds reach the other node', async () => {
    const [here, there] = [await openNode(), await openNode()]
    const ids = Array.from({ length: 1000 }, (_, index) => `activation_1704123456789_${'x'.repeat(28)}${1000 + index}`)
    here.bus.publish(ids, true)
    await until(
      async () => new Set(sessionsOfOthersAt(there)).size,
      (count) => count === ids.length,
    )
  })

  it('a bus that closes sends what was waiting', async () => {
    const [here, there] = [await openNode(), await openNode()]
    here.bus.publish(['last'], true)
    await here.bus.close()
    await untilNotified(there, 'last')
  })

  it('a bus whose connections were killed connects again by itself, and says that notifications may have been missed', async () => {
    const [here, there] = [await openNode(), await openNode()]
    const { missed } = there
    await transport.killAll()
    await untilMissed(there, missed + 2)
    await untilDelivered(here, there, 'after')
  })

  it('a bus that was away sends later what could not be sent, has the database asked meanwhile, and logs one line for each loss', async () => {
    const node = await openNode({ backstopWhileAway: 100 })
    const open = await transport.shut()
    try {
      node.bus.publish(['late'], true)
      await untilMissed(node, node.missed + 10)
    } finally {
      await open()
    }
    await untilNotified(node, 'late')
    expect(warnings(node)).toHaveLength(1)
    expect(node.log.filter((line) => line.includes(`over ${transport.name} is open`))).toHaveLength(1)
    await transport.killAll()
    await untilDelivered(node, node, 'again')
    expect(warnings(node)).toHaveLength(2)
  })

  it('a bus whose connection went silent without ending connects again, and has the database asked in time meanwhile', async () => {
    const address = new URL(transport.address())
    const proxy = await startProxy(Number(address.port))
    proxies.push(proxy)
    address.port = String(proxy.port)
    const there = await openNode({ backstop: 200, check: 1000, answer: 4000 }, address.href)
    const here = await openNode()
    await untilDelivered(here, there, 'before')
    const { missed } = there
    proxy.silence()
    await untilDelivered(here, there, 'after')
    expect(there.missedBeforeWarning, 'asked before the silence was noticed').toBeGreaterThanOrEqual(missed + 3)
    expect(warnings(there)).toHaveLength(1)
  })

  it('a bus whose server is away from the start has the database asked meanwhile, and can be closed', async () => {
    const nowhere = new URL(transport.address())
    nowhere.port = '1'
    const node = startNode(nowhere.href, { backstopWhileAway: 50, retry: 10, longestRetry: 20 })
    node.bus.publish(['a'], true)
    await untilMissed(node, 10)
    await node.bus.close()
    const after = node.missed
    await test.pool.query('SELECT pg_sleep(0.5)')
    expect(node.missed).toBe(after)
    expect(warnings(node)).toHaveLength(1)
  })
}
