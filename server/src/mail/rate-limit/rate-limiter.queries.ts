import { sql } from 'drizzle-orm'
import { rowsOf, type Database } from '../../db/database.ts'

/** Send times that are reserved for one node. All are in milliseconds, the first counted from now. */
export interface ReservedTimes {
  first: number
  /** The time between two of the send times. */
  interval: number
  /** 0 when the next second is already reserved as a whole. */
  count: number
}

/**
 * Reserves up to `wanted` send times of a bucket within the next second, for the calling node alone. The lock on the bucket's
 * row makes the rate exact over all nodes, and only the clock of the database counts. Creates the row when it is missing.
 */
export async function reserveSendTimes(
  database: Database,
  options: { bucket: string; perSecond: number; wanted: number },
): Promise<ReservedTimes> {
  const reserved = await reserveFromRow(database, options)
  if (reserved !== null) return reserved
  await database.execute(
    sql`INSERT INTO mail_lanes (lane, free_at) VALUES (${options.bucket}, now()) ON CONFLICT (lane) DO NOTHING`,
  )
  return (await reserveFromRow(database, options)) ?? { first: 0, interval: 0, count: 0 }
}

/** Resolves to null while the bucket has no row. */
async function reserveFromRow(
  database: Database,
  { bucket, perSecond, wanted }: { bucket: string; perSecond: number; wanted: number },
): Promise<ReservedTimes | null> {
  const interval = 1 / perSecond
  const [row] = await rowsOf<{ first: number; count: number }>(
    database,
    sql`WITH begins AS MATERIALIZED (
      SELECT lane, greatest(free_at, clock_timestamp()) AS at FROM mail_lanes WHERE lane = ${bucket} FOR NO KEY UPDATE
    ), counted AS (
      SELECT lane, at, least(${wanted}::int,
        greatest(0, ceil(extract(epoch FROM clock_timestamp() + interval '1 second' - at)::float8 / ${interval}::float8))::int) AS count
      FROM begins
    )
    UPDATE mail_lanes SET free_at = counted.at + make_interval(secs => counted.count * ${interval}::float8) FROM counted
    WHERE mail_lanes.lane = counted.lane
    RETURNING (extract(epoch FROM counted.at - clock_timestamp()) * 1000)::float8 AS first, counted.count`,
  )
  return row === undefined ? null : { first: Math.max(0, row.first), interval: interval * 1000, count: row.count }
}
