import { randomUUID } from 'node:crypto'
import { sql } from 'drizzle-orm'
import { type Database, rowsOf } from '../db/database.ts'
import { staffAccounts, staffRateLimits, staffUsers } from './staff.table.ts'

/**
 * Returns the owner of the valid key with this digest; null for an unknown, expired or disabled key, and for a banned owner.
 * Records the use of the key, at most once a minute so that most requests only read.
 */
export async function findOwnerOfKey(database: Database, digest: string) {
  const rows = await rowsOf<{ id: string; name: string; email: string; role: string }>(
    database,
    sql`WITH found AS (
          SELECT k.id AS key_id, k.last_request, u.id, u.name, u.email, u.role
          FROM staff_api_keys k
          JOIN staff_users u ON u.id = k.reference_id
          WHERE k.key = ${digest}
            AND k.enabled
            AND (k.expires_at IS NULL OR k.expires_at > now())
            AND NOT (u.banned AND (u.ban_expires IS NULL OR u.ban_expires > now()))
        ), noted AS (
          UPDATE staff_api_keys k SET last_request = now()
          FROM found
          WHERE k.id = found.key_id AND (found.last_request IS NULL OR found.last_request < now() - interval '1 minute')
        )
        SELECT id, name, email, role FROM found`,
  )
  return rows[0] ?? null
}

/** Returns those of the session tokens and key digests that are still valid, each with the role of its owner. Does not record a use of them. */
export async function findGoodSignIns(
  database: Database,
  asked: { tokens: string[]; digests: string[] },
): Promise<{ proof: string; role: string }[]> {
  const notBanned = sql`NOT (u.banned AND (u.ban_expires IS NULL OR u.ban_expires > now()))`
  return rowsOf(
    database,
    sql`SELECT s.token AS proof, u.role
        FROM staff_sessions s JOIN staff_users u ON u.id = s.user_id
        WHERE s.token = ANY(${sql.param(asked.tokens)}::text[]) AND s.expires_at > now() AND ${notBanned}
      UNION ALL
        SELECT k.key, u.role
        FROM staff_api_keys k JOIN staff_users u ON u.id = k.reference_id
        WHERE k.key = ANY(${sql.param(asked.digests)}::text[]) AND k.enabled
          AND (k.expires_at IS NULL OR k.expires_at > now()) AND ${notBanned}`,
  )
}

/** Inserts a superadmin where there is no staff at all, and returns false where there is. Several processes may try at the same time. */
export async function insertFirstSuperadmin(
  database: Database,
  person: { email: string; name: string; passwordDigest: string },
): Promise<boolean> {
  return database.transaction(async (transaction) => {
    await transaction.execute(sql`LOCK TABLE staff_users IN EXCLUSIVE MODE`)
    if (await hasStaff(transaction)) return false
    const id = randomUUID()
    const { email, name, passwordDigest } = person
    await transaction.insert(staffUsers).values({ id, email, name, emailVerified: true, role: 'superadmin' })
    await transaction
      .insert(staffAccounts)
      .values({ id: randomUUID(), userId: id, accountId: id, providerId: 'credential', password: passwordDigest })
    return true
  })
}

/** True when there is anybody who can sign in. */
export async function hasStaff(database: Pick<Database, 'select'>): Promise<boolean> {
  return (await database.select({ id: staffUsers.id }).from(staffUsers).limit(1)).length > 0
}

/** Counts one more request for a key, in a window that begins with its first one. */
export async function countRequest(
  database: Database,
  key: string,
  windowSeconds: number,
): Promise<{ count: number; secondsLeft: number }> {
  const begun = sql`staff_rate_limits.window_start > now() - make_interval(secs => ${windowSeconds})`
  const [row] = await database
    .insert(staffRateLimits)
    .values({ key, count: 1 })
    .onConflictDoUpdate({
      target: staffRateLimits.key,
      set: {
        count: sql`CASE WHEN ${begun} THEN staff_rate_limits.count + 1 ELSE 1 END`,
        windowStart: sql`CASE WHEN ${begun} THEN staff_rate_limits.window_start ELSE now() END`,
      },
    })
    .returning({
      count: staffRateLimits.count,
      secondsLeft: sql<number>`ceil(${windowSeconds}::int - extract(epoch FROM now() - window_start))::int`,
    })
  return row ?? { count: 0, secondsLeft: 0 }
}

/** Removes the counts of windows that ended long ago. */
export async function removeOldCounts(database: Database): Promise<void> {
  await database.execute(sql`DELETE FROM staff_rate_limits WHERE window_start < now() - interval '1 hour'`)
}
