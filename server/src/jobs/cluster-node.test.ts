import { pino } from 'pino'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { until } from '../../test/app/activation.ts'
import { createTestDatabase, type TestDatabase } from '../../test/database/database.ts'
import { joinCluster } from './cluster-node.ts'

let test: TestDatabase
beforeAll(async () => {
  test = await createTestDatabase()
})
afterAll(() => test?.close())

/** A registered node whose clock goes on by itself and can be moved forward, as for a process that was frozen. */
async function openNode() {
  let moved = 0
  const log: string[] = []
  const node = joinCluster({
    databaseUrl: test.url,
    logger: pino({ level: 'info' }, { write: (line: string) => log.push(line) }),
    clock: () => performance.now() + moved,
  })
  onTestFinished(() => node.close())
  await node.ready
  return { ...node, log, moveClock: (milliseconds: number) => (moved += milliseconds) }
}

const untilIdIs = (node: { id: () => string | null }, wanted: (id: string | null) => boolean) =>
  until(async () => node.id(), wanted)

async function isDead(nodeId: string): Promise<boolean> {
  const { rows } = await test.pool.query<{ dead: boolean }>(
    'SELECT dead_at IS NOT NULL AS dead FROM nodes WHERE id = $1',
    [nodeId],
  )
  return rows[0]!.dead
}

it('a node has an id once it is registered, and may then declare others dead', async () => {
  const node = await openNode()
  expect(await isDead(node.id()!)).toBe(false)
  expect(node.canDeclareDead()).toBe(true)
})

it('a node whose last heartbeat is too old has no id until the next one is stored, and declares nobody dead for three seconds more', async () => {
  const node = await openNode()
  const id = node.id()
  node.moveClock(4000)
  expect(node.id()).toBeNull()
  expect(node.canDeclareDead()).toBe(false)
  await untilIdIs(node, (found) => found !== null)
  expect(node.id()).toBe(id)
  expect(node.canDeclareDead()).toBe(false)
  node.moveClock(3100)
  expect(node.canDeclareDead()).toBe(true)
})

it('a node whose connection was cut connects again under the same id', async () => {
  const node = await openNode()
  const id = node.id()!
  const backend = async () =>
    (await test.pool.query<{ pid: number }>('SELECT backend_pid AS pid FROM nodes WHERE id = $1', [id])).rows[0]!.pid
  const before = await backend()
  await test.pool.query('SELECT pg_terminate_backend($1, 5000)', [before])
  await until(backend, (pid) => pid !== before)
  await untilIdIs(node, (found) => found === id)
  expect(node.log.join('')).toContain('the connection of the node was lost')
})

it('a node that was declared dead goes on under a new id, and the old one stays dead', async () => {
  const node = await openNode()
  const id = node.id()!
  await test.pool.query('UPDATE nodes SET dead_at = now() WHERE id = $1', [id])
  await untilIdIs(node, (found) => found !== null && found !== id)
  expect(await isDead(id)).toBe(true)
  expect(await isDead(node.id()!)).toBe(false)
  expect(node.log.join('')).toContain('was declared dead and goes on under a new id')
})

it('a node that is closed has no id, is marked dead, and may be closed again', async () => {
  const node = await openNode()
  const id = node.id()!
  await node.close()
  expect(node.id()).toBeNull()
  expect(await isDead(id)).toBe(true)
  await node.close()
})
