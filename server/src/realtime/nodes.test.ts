import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../../test/app/activation.ts'
import { createTestApp, framesOf, type App } from '../../test/app/app.ts'
import { startRedis, type TestRedis } from '../../test/cluster/redis.ts'
import type { Bus, BusOptions } from './bus/bus.ts'
import { openPostgresBus } from './bus/bus.postgres.ts'
import { openRedisBus } from './bus/bus.redis.ts'

/** More milliseconds than any test takes: a timer of this length never fires within a test. */
const never = 10 * 60_000
let redis: TestRedis
const apps: App[] = []

beforeAll(async () => {
  redis = await startRedis()
})
afterAll(async () => {
  for (const app of apps) await app.close()
  await redis?.stop()
})

/** Opens two nodes, a session in which nothing happens by itself, and a connection to the second node that watches it. */
async function twoNodes(openBus: (options: BusOptions & { databaseUrl: string }) => Bus) {
  const app = await createTestApp({ openBus })
  apps.push(app)
  const there = await app.another()
  const ids = await app.activation.addLeads(3)
  const startAt = new Date(Date.now() + 3_600_000).toISOString()
  const { sessionId } = await app.activation.start({ ids }, { startAt })
  const watcher = await there.watch()
  watcher.send({ type: 'subscribe', sessionId })
  await watcher.progress(sessionId)
  return {
    app,
    there,
    /** Changes the session at the first node, which publishes the change or does not; returns the new version. */
    change: async (how: 'published' | 'silently' = 'published') => {
      const { rows } = await app.test.pool.query<{ version: string }>(
        'UPDATE sessions SET version = version + 1 WHERE id = $1 RETURNING version',
        [sessionId],
      )
      if (how === 'published') app.activation.deps.publish([sessionId], false)
      return Number(rows[0]?.version)
    },
    shown: (version: number) =>
      until(
        async () => framesOf(watcher, 'progress').map(({ data }) => data.version),
        (versions) => versions.includes(version),
      ),
  }
}

describe('two nodes on one database', () => {
  it('a change is seen at the other node over Redis, without Redis, and over Redis again when it is back, while the node stays ready', async () => {
    const timings = { backstop: never, backstopWhileAway: 200 }
    const { there, change, shown } = await twoNodes((options) =>
      openRedisBus({ ...options, redisUrl: redis.url, timings }),
    )
    const bothListen = () =>
      until(
        () => redis.ask(['PUBSUB', 'NUMSUB', 'rollcall:progress:0']),
        (answer) => answer.includes('\n2\n'),
      )
    await bothListen()
    await shown(await change())

    await redis.kill()
    await shown(await change())
    expect((await fetch(`${there.url}/health/ready`)).status).toBe(200)
    await shown(await change())

    await redis.start()
    await bothListen()
    await shown(await change())
  })

  it('a change that was not published is seen at the other node as soon as that node reads the database by itself', async () => {
    const { change, shown } = await twoNodes(openPostgresBus)
    await shown(await change('silently'))
  })

  it('a change is seen at the other node although every connection that listens to PostgreSQL is cut in that moment', async () => {
    const timings = { backstop: never, backstopWhileAway: never }
    const { app, change, shown } = await twoNodes((options) => openPostgresBus({ ...options, timings }))
    await shown(await change())
    const version = change()
    const cut = app.test.pool.query(
      `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = 'rollcall bus'`,
    )
    await shown(await version)
    expect((await cut).rowCount).toBe(2)
    await shown(await change())
  })
})
