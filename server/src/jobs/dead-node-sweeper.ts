import { sql } from 'drizzle-orm'
import type { FastifyBaseLogger } from 'fastify'
import { rowsOf, type Database } from '../db/database.ts'
import { deadAfterSeconds, goneAfterSeconds, judgeAfterSeconds, type Node } from './cluster-node.ts'

/** Looks for dead nodes and hands over what they held. */
export interface Sweeper {
  close(): Promise<void>
}

const sweepEvery = 500
const turnsBetweenMending = 20

/**
 * Twice a second marks nodes dead whose connection is gone or whose beat is too old, and calls `takeOver` while dead
 * nodes hold anything. A node that was just not heard itself judges nobody: it may be the database that was away.
 */
export function startSweeper(options: {
  database: Database
  node: Node
  logger: FastifyBaseLogger
  takeOver: () => Promise<void>
  /** Puts jobs for work that has none; gives for how much. */
  mend: () => Promise<number>
}): Sweeper {
  let closed = false
  let timer: NodeJS.Timeout | undefined
  let turns = 0
  let running = sweep()

  async function mend(): Promise<void> {
    await removeOldNodes(options.database)
    const mended = await options.mend()
    if (mended > 0) options.logger.warn({ chunks: mended }, 'chunks had work and no job; they have one now')
  }

  async function sweep(): Promise<void> {
    try {
      const id = options.node.id()
      if (id !== null && options.node.mayJudge()) await markDead(options.database, id)
      if (id !== null) await options.takeOver()
      turns += 1
      if (id !== null && turns % turnsBetweenMending === 0) await mend()
    } catch (error) {
      options.logger.warn({ err: error }, 'sweeping failed and is tried again')
    } finally {
      if (!closed) timer = setTimeout(again, sweepEvery)
    }
  }

  function again(): void {
    running = sweep()
  }

  return {
    async close() {
      closed = true
      clearTimeout(timer)
      await running
    },
  }
}

/** Nobody asks for them any more. */
async function removeOldNodes(database: Database): Promise<void> {
  await rowsOf(
    database,
    sql`DELETE FROM nodes WHERE dead_at < now() - interval '1 day' AND NOT EXISTS (SELECT FROM chunks WHERE owner = nodes.id)`,
  )
}

async function markDead(database: Database, ownId: string): Promise<void> {
  await rowsOf(
    database,
    sql`UPDATE nodes SET dead_at = now() WHERE dead_at IS NULL AND id <> ${ownId}::uuid
      AND pg_postmaster_start_time() < now() - make_interval(secs => ${judgeAfterSeconds}) AND (
      beat_at < now() - make_interval(secs => ${deadAfterSeconds})
      OR (beat_at < now() - make_interval(secs => ${goneAfterSeconds}) AND NOT EXISTS (
        SELECT FROM pg_stat_activity WHERE pid = nodes.backend_pid AND application_name = 'rollcall node ' || nodes.id
      ))
    )`,
  )
}
