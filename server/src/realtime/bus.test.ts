import { pino } from 'pino'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { until } from '../../test/activation.ts'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { openPostgresBus, type Bus } from './bus.ts'

const logger = pino({ level: 'silent' })
let test: TestDatabase
const opened: Bus[] = []

beforeAll(async () => {
  test = await createTestDatabase()
})
afterAll(async () => {
  for (const bus of opened) await bus.close()
  await test.close()
})

/** A node's bus with everything it heard, once it listens. */
async function openNode() {
  const heard: { sessionIds: string[]; urgent: boolean }[] = []
  const node = { heard, gaps: 0, bus: null as unknown as Bus }
  node.bus = openPostgresBus({
    databaseUrl: test.url,
    logger,
    onRing: (sessionIds, urgent) => heard.push({ sessionIds, urgent }),
    onGap: () => (node.gaps += 1),
  })
  opened.push(node.bus)
  await until(
    async () => node.gaps,
    (gaps) => gaps > 0,
  )
  return node
}

const killAll = `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
  WHERE datname = current_database() AND application_name = 'rollcall bus'`

const heardBy = (node: Awaited<ReturnType<typeof openNode>>) => node.heard.flatMap(({ sessionIds }) => sessionIds)

describe('the doorbell between nodes', () => {
  it('is heard at the other node, each session once for many rings, an urgent one as urgent', async () => {
    const [here, there] = [await openNode(), await openNode()]
    for (let ring = 0; ring < 100; ring++) here.bus.ring(['a', 'b'], false)
    here.bus.ring(['b'], true)
    await until(
      async () => heardBy(there).toSorted((a, b) => a.localeCompare(b)),
      (heard) => heard.join() === 'a,b',
    )
    expect(there.heard.find(({ sessionIds }) => sessionIds.includes('b'))?.urgent).toBe(true)
    expect(there.heard.find(({ sessionIds }) => sessionIds.includes('a'))?.urgent).toBe(false)
  })

  it('carries more sessions than one notification holds', async () => {
    const [here, there] = [await openNode(), await openNode()]
    const ids = Array.from({ length: 1000 }, (_, index) => `activation_1704123456789_${'x'.repeat(28)}${1000 + index}`)
    here.bus.ring(ids, true)
    await until(
      async () => new Set(heardBy(there)).size,
      (count) => count === ids.length,
    )
  })

  it('rings what was waiting when it closes', async () => {
    const [here, there] = [await openNode(), await openNode()]
    here.bus.ring(['last'], true)
    await here.bus.close()
    await until(
      async () => heardBy(there),
      (heard) => heard.includes('last'),
    )
  })

  it('is mended by itself after its connection was killed, and says that rings may have been missed', async () => {
    const [here, there] = [await openNode(), await openNode()]
    const gaps = there.gaps
    const { rowCount } = await test.pool.query(killAll)
    expect(rowCount).toBeGreaterThanOrEqual(2)
    await until(
      async () => there.gaps,
      (now) => now > gaps,
      2500,
    )
    await until(
      async () => {
        here.bus.ring(['after'], true)
        return heardBy(there)
      },
      (heard) => heard.includes('after'),
    )
  })

  it('rings later what could not be rung while its connection was gone', async () => {
    const node = await openNode()
    const elsewhere = new Client({ connectionString: inject('postgresUrl') })
    await elsewhere.connect()
    const name = new URL(test.url).pathname.slice(1)
    await elsewhere.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`)
    await test.pool.query(killAll)
    node.bus.ring(['late'], true)
    const gaps = node.gaps
    await until(
      async () => node.gaps,
      (now) => now >= gaps + 2,
    )
    await elsewhere.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`)
    await elsewhere.end()
    await until(
      async () => heardBy(node),
      (heard) => heard.includes('late'),
      2500,
    )
  })

  it('waits for a database that is away, and closes also then', async () => {
    const nowhere = new URL(test.url)
    nowhere.pathname = '/there_is_no_such_database'
    let gaps = 0
    const bus = openPostgresBus({
      databaseUrl: nowhere.href,
      logger,
      onRing: () => undefined,
      onGap: () => (gaps += 1),
    })
    bus.ring(['a'], true)
    await until(
      async () => gaps,
      (now) => now >= 2,
    )
    await bus.close()
    const after = gaps
    await until(
      async () => (await test.pool.query('SELECT pg_sleep(1.2)')).rowCount,
      (count) => count === 1,
    )
    expect(gaps).toBe(after)
  })
})
