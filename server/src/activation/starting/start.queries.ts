import { sql, type SQL } from 'drizzle-orm'
import type { Person, Selection, SessionOptions } from '@rollcall/shared'
import { rowsOf, type Queryable } from '../../db/database.ts'
import type { ProgressRow } from '../session/progress.presenter.ts'
import type { SessionTemplate } from '../session/template.ts'

/** A session as it is stored at its start. */
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

/**
 * Stores a session that has no items yet. Returns false when the id is taken; waits for a transaction that is taking it
 * right now.
 */
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
 * Stores one item for every lead that `selected`, a condition over the table `leads`, is true of, and the chunks; returns
 * how many items there are. Items are in the order of the ids of their leads: so the index by session and lead grows only
 * at its end, and a search for a name can go by ranges of ids.
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
  // This number is the total, and not the count before: leads may have come in between the two statements.
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

/** Stores the total of a new session, its first snapshot and its `started` event; returns its first progress. */
export async function storeFirstProgress(
  database: Queryable,
  options: { sessionId: string; total: number; actor: Person; now: Date; details: Record<string, unknown> },
): Promise<ProgressRow> {
  const { sessionId, total, actor } = options
  const now = sql`${options.now.toISOString()}::timestamptz`
  const rows = await rowsOf<ProgressRow>(
    database,
    sql`WITH session AS (
      UPDATE sessions SET total = ${total}, accounts_pending = ${total}, mails_pending = ${total}
      WHERE id = ${sessionId} RETURNING *
    ), stored AS (
      INSERT INTO snapshots (session_id, version, status, accounts_pending, mails_pending, updated_at)
      SELECT id, version, status, accounts_pending, mails_pending, updated_at FROM session
    ), told AS (
      INSERT INTO events (session_id, at, type, actor_id, actor_name, details)
      VALUES (${sessionId}, ${now}, 'started', ${actor.id}, ${actor.name}, ${JSON.stringify(options.details)}::jsonb)
    )
    SELECT * FROM session`,
  )
  return rows[0]!
}
