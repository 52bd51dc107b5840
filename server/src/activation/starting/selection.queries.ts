import { sql, type SQL } from 'drizzle-orm'
import { countExactly } from '../../db/counting.ts'
import { rowsOf, type Database, type Queryable } from '../../db/database.ts'
import { optimizationFence } from '../../db/planner.ts'

/**
 * Counts what starting a selection would do. `selected` is a condition over the table `leads`; mails since `recentlySince`
 * count as recent.
 */
export async function countSelection(
  database: Database,
  selected: SQL,
  recentlySince: Date,
): Promise<{
  total: number
  will_create: number
  active: number
  invited: number
  invalid: number
  recently_mailed: number
}> {
  const since = sql`${recentlySince.toISOString()}::timestamptz`
  // Every mail changes its session's row, so only sessions that changed since then can have recent mails. The hour allows for clocks that differ.
  const changed = sql`ARRAY(SELECT id FROM sessions WHERE mails_sent > 0 AND updated_at > ${since} - interval '1 hour')`
  const few = (await countExactly(database, sql`FROM leads WHERE ${selected}`)) <= fewLeads
  const { recent, mailed } = few ? mailsOfEach(changed, since) : mailsOfAll(changed, since)
  const rows = await rowsOf<Awaited<ReturnType<typeof countSelection>>>(
    database,
    sql`SELECT count(*)::int AS total,
      (count(*) FILTER (WHERE account.id IS NULL AND ${sendable}))::int AS will_create,
      (count(*) FILTER (WHERE account.status = 'active'))::int AS active,
      (count(*) FILTER (WHERE account.status = 'invited'))::int AS invited,
      (count(*) FILTER (WHERE account.id IS NULL AND NOT ${sendable}))::int AS invalid,
      (count(*) FILTER (WHERE ${mailed}))::int AS recently_mailed
      FROM leads LEFT JOIN accounts account ON account.email_key = leads.email_key ${recent}
      WHERE ${selected}`,
  )
  return rows[0]!
}

/** Up to this many leads, the items of each are looked up; for more, all recent items are read once. */
const fewLeads = 10_000

/** Looks the mails of each lead up by the lead's id; the fence keeps the planner from joining instead. */
function mailsOfEach(sessions: SQL, since: SQL) {
  const mailed = sql`EXISTS (SELECT FROM items WHERE items.lead_id = leads.id AND items.session_id = ANY(${sessions}) AND items.sent_at > ${since} ${optimizationFence()})`
  return { recent: sql``, mailed }
}

/** Reads everybody who was mailed in these sessions once, and joins the leads with them. */
function mailsOfAll(sessions: SQL, since: SQL) {
  const recent = sql`LEFT JOIN (
      SELECT DISTINCT items.lead_id FROM items WHERE items.session_id = ANY(${sessions}) AND items.sent_at > ${since}
    ) recent ON recent.lead_id = leads.id`
  return { recent, mailed: sql`recent.lead_id IS NOT NULL` }
}

/**
 * True of a lead whose address can be mailed. Addresses are checked where they come in; this condition catches those that
 * came into the table another way, and preview and accounts use it alike. The lengths are conditions of their own, because
 * within the pattern they would make it a hundred times as slow.
 */
export const sendable = sql`(char_length(leads.email) <= 254 AND strpos(leads.email, '@') <= 65 AND leads.email ~ '^[^@[:space:][:cntrl:],;:<>()"\\[\\]]+@[^@[:space:][:cntrl:],;:<>()"\\[\\]]+[.][^@[:space:][:cntrl:],;:<>()"\\[\\].]+$')`

/** Reads the first five leads of a selection, in the order in which they came in. */
export async function sampleSelection(
  database: Database,
  selected: SQL,
): Promise<{ id: string; email: string; first_name: string; last_name: string }[]> {
  return rowsOf(
    database,
    sql`SELECT id, email, first_name, last_name FROM leads WHERE ${selected} ORDER BY created_at, id LIMIT 5`,
  )
}

/** Returns those of these ids that belong to no lead, at most 100 of them. */
export async function unknownLeads(database: Queryable, ids: readonly string[]): Promise<string[]> {
  const rows = await rowsOf<{ id: string }>(
    database,
    sql`SELECT wanted.id FROM unnest(${sql.param([...ids])}::uuid[]) AS wanted(id)
      WHERE NOT EXISTS (SELECT FROM leads WHERE leads.id = wanted.id) LIMIT 100`,
  )
  return rows.map((row) => row.id)
}
