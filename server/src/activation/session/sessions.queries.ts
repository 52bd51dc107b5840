import { sql, type SQL } from 'drizzle-orm'
import type { HoldReason, Person, Selection, SessionOptions, SessionsQuery } from '@rollcall/shared'
import { countExactly } from '../../db/counting.ts'
import { rowsOf, type Database, type Queryable, type Transaction } from '../../db/database.ts'
import { optimizationFence } from '../../db/planner.ts'
import { pageAfter, type Position } from '../../db/keyset-paging.ts'
import { likeWord, wordsOf } from '../../db/text.ts'
import type { ProgressRow } from './progress.presenter.ts'
import { progressSelection } from './advance.queries.ts'
import type { SessionTemplate } from './template.ts'

export interface NewSession {
  id: string
  status: 'queued' | 'scheduled'
  selection: Selection
  options: SessionOptions
  requestDigest: string
  template: SessionTemplate
  startedBy: Person
  mailNotBefore: Date | null
  canary: number | null
  failureShare: number | null
  now: Date
}

export interface SessionRow extends ProgressRow {
  selection: Selection
  options: SessionOptions
  request_digest: string
  template: SessionTemplate
  mail_not_before: string | null
  canary: number | null
}

/** Stores an empty session; false when the id is taken. Waits for another transaction that is taking it right now. */
export async function insertSession(database: Queryable, session: NewSession): Promise<boolean> {
  const now = sql`${session.now.toISOString()}::timestamptz`
  const rows = await rowsOf(
    database,
    sql`INSERT INTO sessions (id, status, total, selection, options, request_digest, template, started_by_id, started_by_name,
        created_at, updated_at, snapshot_at, mail_not_before, canary, failure_share)
      VALUES (${session.id}, ${session.status}, 0, ${JSON.stringify(session.selection)}::jsonb, ${JSON.stringify(session.options)}::jsonb,
        ${session.requestDigest}, ${JSON.stringify(session.template)}::jsonb, ${session.startedBy.id}, ${session.startedBy.name},
        ${now}, ${now}, ${now}, ${session.mailNotBefore?.toISOString() ?? null}, ${session.canary}, ${session.failureShare})
      ON CONFLICT (id) DO NOTHING RETURNING id`,
  )
  return rows.length === 1
}

/**
 * Makes one item of every lead that the condition (over the table `leads`) selects, in the order in which they came in: that of
 * their ids, so that an index by session and lead only grows at its end; a search for a name goes by that order.
 */
export async function insertItems(
  database: Queryable,
  options: { sessionId: string; selected: SQL; chunkSize: (total: number) => number },
): Promise<number> {
  const [counted] = await rowsOf<{ total: number }>(
    database,
    sql`SELECT count(*)::int AS total FROM leads WHERE ${options.selected}`,
  )
  const size = options.chunkSize(counted?.total ?? 0)
  // The second count is the one that holds: leads may have come in between the two.
  const [stored] = await rowsOf<{ total: number }>(
    database,
    sql`WITH stored AS (
      INSERT INTO items (session_id, position, chunk, lead_id, email, first_name, last_name, company)
      SELECT ${options.sessionId}, position, (position - 1) / ${size}::int, id, email, first_name, last_name, company
      FROM (
        SELECT row_number() OVER (ORDER BY id)::int AS position, id, email, first_name, last_name, company
        FROM leads WHERE ${options.selected}
      ) chosen
      RETURNING 1
    ) SELECT count(*)::int AS total FROM stored`,
  )
  const total = stored?.total ?? 0
  await database.execute(sql`INSERT INTO chunks (session_id, number, first_position, last_position)
    SELECT ${options.sessionId}, number, number * ${size}::int + 1, least((number + 1) * ${size}::int, ${total}::int)
    FROM generate_series(0, ${Math.ceil(total / size) - 1}::int) AS number`)
  return total
}

/** Gives a session its total, its first snapshot and its first event; gives its first progress. */
export async function sealSession(
  database: Queryable,
  options: { sessionId: string; total: number; actor: Person; now: Date; details: Record<string, unknown> },
): Promise<ProgressRow> {
  const { sessionId, total, actor } = options
  const now = sql`${options.now.toISOString()}::timestamptz`
  const rows = await rowsOf<ProgressRow>(
    database,
    sql`WITH sealed AS (
      UPDATE sessions SET total = ${total}, accounts_pending = ${total}, mails_pending = ${total}
      WHERE id = ${sessionId} RETURNING *
    ), stored AS (
      INSERT INTO snapshots (session_id, version, status, accounts_pending, mails_pending, updated_at)
      SELECT id, version, status, accounts_pending, mails_pending, updated_at FROM sealed
    ), told AS (
      INSERT INTO events (session_id, at, type, actor_id, actor_name, details)
      VALUES (${sessionId}, ${now}, 'started', ${actor.id}, ${actor.name}, ${JSON.stringify(options.details)}::jsonb)
    )
    SELECT * FROM sealed`,
  )
  return rows[0]!
}

/** One session, or null. */
export async function readSession(database: Queryable, sessionId: string): Promise<SessionRow | null> {
  const rows = await rowsOf<SessionRow>(database, sql`SELECT * FROM sessions WHERE id = ${sessionId}`)
  return rows[0] ?? null
}

/** One session, which stays as it is until the transaction ends, or null. Chunks are locked before it, items after it. */
export async function lockSession(transaction: Transaction, sessionId: string): Promise<SessionRow | null> {
  const rows = await rowsOf<SessionRow>(
    transaction,
    sql`SELECT * FROM sessions WHERE id = ${sessionId} FOR NO KEY UPDATE`,
  )
  return rows[0] ?? null
}

/** The sessions that are held for a reason, the oldest first. */
export async function sessionsHeldFor(database: Queryable, reason: HoldReason): Promise<string[]> {
  const rows = await rowsOf<{ id: string }>(
    database,
    sql`SELECT id FROM sessions WHERE status = 'held' AND reason = ${reason} ORDER BY created_at, id`,
  )
  return rows.map((row) => row.id)
}

/** What this selection would do, counted; `selected` is a condition over the table `leads`. */
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
  // A session counts every mail of its own and changes with it, so all others are left out. Clocks may differ a little.
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

/** Of so many leads each is asked for its items; for more, the items of a week are read. */
const fewLeads = 10_000

/** Whether a lead was mailed in one of these sessions, looked up by the key of each lead, whatever is thought of how many there are. */
function mailsOfEach(sessions: SQL, since: SQL) {
  const mailed = sql`EXISTS (SELECT FROM items WHERE items.lead_id = leads.id AND items.session_id = ANY(${sessions}) AND items.sent_at > ${since} ${optimizationFence()})`
  return { recent: sql``, mailed }
}

/** The same, looked up among all who were mailed in these sessions. */
function mailsOfAll(sessions: SQL, since: SQL) {
  const recent = sql`LEFT JOIN (
      SELECT DISTINCT items.lead_id FROM items WHERE items.session_id = ANY(${sessions}) AND items.sent_at > ${since}
    ) recent ON recent.lead_id = leads.id`
  return { recent, mailed: sql`recent.lead_id IS NOT NULL` }
}

/**
 * Addresses are checked where they come in; this catches, with the same words in preview and run, what came into the
 * table another way. Lengths are counted apart: within the pattern they would make it a hundred times as slow.
 */
export const sendable = sql`(char_length(leads.email) <= 254 AND strpos(leads.email, '@') <= 65 AND leads.email ~ '^[^@[:space:][:cntrl:],;:<>()"\\[\\]]+@[^@[:space:][:cntrl:],;:<>()"\\[\\]]+[.][^@[:space:][:cntrl:],;:<>()"\\[\\].]+$')`

/** The first leads of a selection, to look at. */
export async function sampleSelection(
  database: Database,
  selected: SQL,
): Promise<{ id: string; email: string; first_name: string; last_name: string }[]> {
  return rowsOf(
    database,
    sql`SELECT id, email, first_name, last_name FROM leads WHERE ${selected} ORDER BY created_at, id LIMIT 5`,
  )
}

/** Which of these ids belong to no lead. */
export async function unknownLeads(database: Queryable, ids: readonly string[]): Promise<string[]> {
  const rows = await rowsOf<{ id: string }>(
    database,
    sql`SELECT wanted.id FROM unnest(${sql.param([...ids])}::uuid[]) AS wanted(id)
      WHERE NOT EXISTS (SELECT FROM leads WHERE leads.id = wanted.id) LIMIT 100`,
  )
  return rows.map((row) => row.id)
}

/** The history is ordered by these, the newest first. */
export const sessionOrder = { created_at: 'time', id: 'text' } as const

/** A page of the history, the newest first, and how many there are. */
export async function listSessions(
  database: Database,
  query: SessionsQuery & { limit: number; after: Position | null },
): Promise<{ rows: ProgressRow[]; total: number }> {
  const where = sessionCondition(query)
  const [rows, counted] = await Promise.all([
    rowsOf<ProgressRow>(
      database,
      sql`SELECT ${progressSelection} FROM sessions WHERE ${where} AND ${pageAfter(sessionOrder, 'DESC', query.after)}
        ORDER BY created_at DESC, id DESC LIMIT ${query.limit + 1}`,
    ),
    rowsOf<{ total: number }>(database, sql`SELECT count(*)::int AS total FROM sessions WHERE ${where}`),
  ])
  return { rows, total: counted[0]?.total ?? 0 }
}

function sessionCondition(query: SessionsQuery): SQL {
  const parts: SQL[] = [sql`true`]
  if (query.active === true) parts.push(sql`status IN ('scheduled', 'queued', 'running', 'paused', 'held')`)
  if (query.active === false) parts.push(sql`status IN ('cancelled', 'completed')`)
  if (query.status !== undefined) parts.push(sql`status = ${query.status}`)
  if (query.startedBy !== undefined) parts.push(sql`started_by_id = ${query.startedBy}`)
  if (query.from !== undefined) parts.push(sql`created_at >= ${query.from}::timestamptz`)
  if (query.to !== undefined) parts.push(sql`created_at < ${query.to}::timestamptz`)
  for (const word of wordsOf(query.q)) parts.push(sql`lower(id || ' ' || started_by_name) ${likeWord(word)}`)
  return sql.join(parts, sql` AND `)
}
