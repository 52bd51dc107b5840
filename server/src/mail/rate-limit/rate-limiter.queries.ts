import { sql } from 'drizzle-orm'
import { rowsOf, type Database } from '../../db/database.ts'

/** Places in a lane, in milliseconds from now; the first is `first`, and each further one comes `apart` later. */
export interface Lease {
  first: number
  apart: number
  places: number
}

/**
 * Takes up to `wanted` places in a lane for the second that comes, for this node alone. The row's lock makes the rate
 * exact over all nodes, and the database's clock is the only one that counts. No place when the second is full.
 */
export async function leasePlaces(
  database: Database,
  options: { lane: string; perSecond: number; wanted: number },
): Promise<Lease> {
  const lease = await leaseFromRow(database, options)
  if (lease !== null) return lease
  await database.execute(
    sql`INSERT INTO mail_lanes (lane, free_at) VALUES (${options.lane}, now()) ON CONFLICT (lane) DO NOTHING`,
  )
  return (await leaseFromRow(database, options)) ?? { first: 0, apart: 0, places: 0 }
}

/** Null while the lane has no row. */
async function leaseFromRow(
  database: Database,
  { lane, perSecond, wanted }: { lane: string; perSecond: number; wanted: number },
): Promise<Lease | null> {
  const apart = 1 / perSecond
  const [row] = await rowsOf<{ first: number; places: number }>(
    database,
    sql`WITH begins AS MATERIALIZED (
      SELECT lane, greatest(free_at, clock_timestamp()) AS at FROM mail_lanes WHERE lane = ${lane} FOR NO KEY UPDATE
    ), counted AS (
      SELECT lane, at, least(${wanted}::int,
        greatest(0, ceil(extract(epoch FROM clock_timestamp() + interval '1 second' - at)::float8 / ${apart}::float8))::int) AS places
      FROM begins
    )
    UPDATE mail_lanes SET free_at = counted.at + make_interval(secs => counted.places * ${apart}::float8) FROM counted
    WHERE mail_lanes.lane = counted.lane
    RETURNING (extract(epoch FROM counted.at - clock_timestamp()) * 1000)::float8 AS first, counted.places`,
  )
  return row === undefined ? null : { first: Math.max(0, row.first), apart: apart * 1000, places: row.places }
}
