import type { FastifyBaseLogger } from 'fastify'
import type { Database } from '../db/database.ts'
import { periodicTask, type PeriodicTask } from '../util/periodic-task.ts'
import type { ClusterNode } from './cluster-node.ts'
import { declareDeadNodes, deleteOldNodes } from './nodes.queries.ts'

const sweepInterval = 500
const sweepsBetweenReconciling = 20

/**
 * Twice a second declares nodes dead whose connection has ended or whose heartbeat is too old, and calls `recover`. A node
 * whose own heartbeats had a gap declares nobody dead, because it may be the database that was away.
 */
export function startDeadNodeSweeper(options: {
  database: Database
  node: ClusterNode
  logger: FastifyBaseLogger
  /** Frees the chunks that dead nodes own. */
  recover: () => Promise<void>
  /** Gives a job to every chunk that has work and neither an owner nor a job; returns how many there were. */
  reconcile: () => Promise<number>
}): PeriodicTask {
  const { database, node, logger } = options
  let sweeps = 0

  async function reconcile(): Promise<void> {
    await deleteOldNodes(database)
    const chunks = await options.reconcile()
    if (chunks > 0) logger.warn({ chunks }, 'chunks had work and no job; they have one now')
  }

  return periodicTask({ name: 'sweeping', firstDelay: 0, interval: sweepInterval, logger }, async () => {
    const id = node.id()
    if (id !== null && node.canDeclareDead()) await declareDeadNodes(database, id)
    if (id !== null) await options.recover()
    sweeps += 1
    if (id !== null && sweeps % sweepsBetweenReconciling === 0) await reconcile()
  })
}
