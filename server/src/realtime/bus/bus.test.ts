import { pino } from 'pino'
import { Client } from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest'
import { until } from '../../../test/app/activation.ts'
import { createTestDatabase, type TestDatabase } from '../../../test/database/database.ts'
import { startProxy, type Proxy } from '../../../test/process/proxy.ts'
import { startRedis, type TestRedis } from '../../../test/cluster/redis.ts'
import type { Bus, BusOptions, BusTimings } from './bus.ts'
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

const carriers = [
  {
    name: 'PostgreSQL',
    address: () => test.url,
    open: (databaseUrl: string, options: BusOptions) => openPostgresBus({ databaseUrl, ...options }),
    killAll: () =>
      test.pool.query(`SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'rollcall bus'`),
    /** Nobody can connect until what is given is called. */
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
  {
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
]

interface Ring {
  sessionIds: string[]
  urgent: boolean
}

/** What a node rings to know that it hears. */
const listening = 'listening'

describe.each(carriers)('the doorbell between nodes, over $name', (carrier) => {
  /** A node's bus with everything it heard and logged. */
  function startNode(address: string, timings: Partial<BusTimings>) {
    const node = { heard: [] as Ring[], gaps: 0, gapsBeforeWarning: 0, log: [] as string[] }
    const logger = pino({ level: 'info' }, { write: (line: string) => node.log.push(line) })
    const bus = carrier.open(address, {
      logger,
      onNotification: (sessionIds, urgent) => node.heard.push({ sessionIds, urgent }),
      onMissed() {
        node.gaps += 1
        if (warnings(node).length === 0) node.gapsBeforeWarning += 1
      },
      timings,
    })
    opened.push(bus)
    return Object.assign(node, { bus })
  }
  type Node = ReturnType<typeof startNode>

  /** A node that hears. */
  async function openNode(timings: Partial<BusTimings> = {}, address = carrier.address()) {
    const node = startNode(address, timings)
    await untilRung(node, node, listening)
    return node
  }

  const heardBy = (node: Node) => node.heard.flatMap(({ sessionIds }) => sessionIds)
  const heardOfOthers = (node: Node) => heardBy(node).filter((sessionId) => sessionId !== listening)
  const untilHeard = (node: Node, sessionId: string) =>
    until(
      async () => heardBy(node),
      (heard) => heard.includes(sessionId),
    )
  const untilGaps = (node: { gaps: number }, least: number) =>
    until(
      async () => node.gaps,
      (gaps) => gaps >= least,
    )
  /** Rings again and again, as sessions that run do, until it is heard. */
  const untilRung = (from: Node, to: Node, sessionId: string) =>
    until(
      async () => {
        from.bus.publish([sessionId], true)
        return heardBy(to)
      },
      (heard) => heard.includes(sessionId),
    )
  const warnings = (node: { log: string[] }) => node.log.filter((line) => JSON.parse(line).level >= 40)

  it('is heard at the other node, each session once for many rings, an urgent one as urgent', async () => {
    const [here, there] = [await openNode(), await openNode()]
    for (let ring = 0; ring < 100; ring++) here.bus.publish(['a', 'b'], false)
    here.bus.publish(['b'], true)
    await until(
      async () => heardOfOthers(there).toSorted((a, b) => a.localeCompare(b)),
      (heard) => heard.join() === 'a,b',
    )
    expect(there.heard.find(({ sessionIds }) => sessionIds.includes('b'))?.urgent).toBe(true)
    expect(there.heard.find(({ sessionIds }) => sessionIds.includes('a'))?.urgent).toBe(false)
  })

  it('carries more sessions than one message holds', async () => {
    const [here, there] = [await openNode(), await openNode()]
    const ids = Array.from({ length: 1000 }, (_, index) => `activation_1704123456789_${'x'.repeat(28)}${1000 + index}`)
    here.bus.publish(ids, true)
    await until(
      async () => new Set(heardOfOthers(there)).size,
      (count) => count === ids.length,
    )
  })

  it('rings what was waiting when it closes', async () => {
    const [here, there] = [await openNode(), await openNode()]
    here.bus.publish(['last'], true)
    await here.bus.close()
    await untilHeard(there, 'last')
  })

  it('is mended by itself after its connections were killed, and says that rings may have been missed', async () => {
    const [here, there] = [await openNode(), await openNode()]
    const gaps = there.gaps
    await carrier.killAll()
    await untilGaps(there, gaps + 2)
    await untilRung(here, there, 'after')
  })

  it('rings later what could not be rung while it was away, has the database asked meanwhile, and logs one line for a loss', async () => {
    const node = await openNode({ backstopWithoutLine: 100 })
    const open = await carrier.shut()
    try {
      node.bus.publish(['late'], true)
      await untilGaps(node, node.gaps + 10)
    } finally {
      await open()
    }
    await untilHeard(node, 'late')
    expect(warnings(node)).toHaveLength(1)
    expect(node.log.filter((line) => line.includes(`over ${carrier.name} is open`))).toHaveLength(1)
    await carrier.killAll()
    await untilRung(node, node, 'again')
    expect(warnings(node)).toHaveLength(2)
  })

  it('is mended when a connection went silent without ending, and has the database asked in time meanwhile', async () => {
    const address = new URL(carrier.address())
    const proxy = await startProxy(Number(address.port))
    proxies.push(proxy)
    address.port = String(proxy.port)
    const there = await openNode({ backstop: 200, check: 1000, answer: 4000 }, address.href)
    const here = await openNode()
    await untilRung(here, there, 'before')
    const gaps = there.gaps
    proxy.silence()
    await untilRung(here, there, 'after')
    expect(there.gapsBeforeWarning, 'asked before the silence was noticed').toBeGreaterThanOrEqual(gaps + 3)
    expect(warnings(there)).toHaveLength(1)
  })

  it('waits for a server that is away from the start, has the database asked meanwhile, and closes also then', async () => {
    const nowhere = new URL(carrier.address())
    nowhere.port = '1'
    const node = startNode(nowhere.href, { backstopWithoutLine: 50, retry: 10, longestRetry: 20 })
    node.bus.publish(['a'], true)
    await untilGaps(node, 10)
    await node.bus.close()
    const after = node.gaps
    await test.pool.query('SELECT pg_sleep(0.5)')
    expect(node.gaps).toBe(after)
    expect(warnings(node)).toHaveLength(1)
  })
})
