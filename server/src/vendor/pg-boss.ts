import { sql, type SQL } from 'drizzle-orm'

/** The PostgreSQL schema in which pg-boss keeps its tables. */
export const jobSchema = 'jobs'

/**
 * What Rollcall reads and writes of pg-boss' own table, which the package does not document; held by the contract test
 * beside this file. Everything else goes through pg-boss itself (`jobs/queues.ts`).
 */
const jobTable = sql.raw(`${jobSchema}.job`)

/** Builds the condition that one of these queues has a job for this chunk that has not ended. The last two arguments are columns of the outer query. */
export function hasUnfinishedJob(queueNames: string[], sessionId: SQL, chunkNumber: SQL): SQL {
  return sql`EXISTS (
    SELECT FROM ${jobTable} job WHERE job.name = ANY(${sql.param(queueNames)}::text[]) AND job.state < 'completed'
      AND job.data->>'sessionId' = ${sessionId} AND (job.data->>'chunk')::int = ${chunkNumber}
  )`
}

/** A statement that makes jobs run now that wait for a later time; for tests that cannot wait. */
export const runWaitingJobsNow = `UPDATE ${jobSchema}.job SET start_after = now() WHERE state < 'active' AND start_after > now()`

/** A query for the first 40 jobs that have not ended, with what a developer needs to see of each. */
export const unfinishedJobs = `SELECT name, state, data, start_after, retry_count, created_on, started_on, heartbeat_on FROM ${jobSchema}.job
  WHERE state < 'completed' ORDER BY created_on LIMIT 40`
