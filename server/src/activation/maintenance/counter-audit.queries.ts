import { sql } from 'drizzle-orm'
import { counters } from '@rollcall/shared'
import { rowsOf, type Queryable } from '../../db/database.ts'
import { sqlList } from '../../db/sql-list.ts'

/** A session's counters by name, as they are stored and as its items give them. */
export interface RecountedSession {
  [column: string]: unknown
  id: string
  version: string
  stored: Record<string, number>
  counted: Record<string, number>
}

const sessionsAtOnce = 200
/** A page ends with the session that brings it to this many items, so that no statement takes long. */
const itemsAtOnce = 500_000

const named = counters.map((counter) => ({ ...counter, name: `${counter.outcome}.${counter.state}` }))

/** The names of all counters, in the order in which a person reads them. */
export const counterNames = ['total', ...named.map(({ name }) => name)]

const stateColumns = { accounts: 'account_state', mails: 'mail_state' }
const stored = sql.raw(named.map(({ name, column }) => `'${name}', session.${column}`).join(', '))
const counted = sql.join(
  named.map(({ name, outcome, itemStates }) => {
    const state = sql.raw(stateColumns[outcome])
    return sql`${sql.raw(`'${name}'`)}, count(*) FILTER (WHERE ${state} IN (${sqlList(itemStates)}))`
  }),
  sql`, `,
)

/**
 * Reads the next sessions after an id, each with its counters and a recount of its items. With `since`, only sessions that
 * changed since then, and those that are named. The numbers are right also while a session runs: one statement sees one
 * moment, and items and counters change in one transaction.
 */
export async function recountSessions(
  database: Queryable,
  options: { after: string; since: Date | null; named: readonly string[] },
): Promise<RecountedSession[]> {
  const since = options.since?.toISOString() ?? null
  return rowsOf<RecountedSession>(
    database,
    sql`WITH page AS MATERIALIZED (
      SELECT id FROM (
        SELECT id, sum(total) OVER (ORDER BY id) - total AS items_before FROM (
          SELECT id, total FROM sessions WHERE id > ${options.after}
            AND (${since}::timestamptz IS NULL OR updated_at >= ${since}::timestamptz
              OR id = ANY(${sql.param([...options.named])}::text[]))
          ORDER BY id LIMIT ${sessionsAtOnce}
        ) next
      ) summed WHERE items_before < ${itemsAtOnce}
    )
    SELECT session.id, session.version, jsonb_build_object('total', session.total, ${stored}) AS stored, recount.counted
    FROM page JOIN sessions session ON session.id = page.id
    CROSS JOIN LATERAL (
      SELECT jsonb_build_object('total', count(*), ${counted}) AS counted FROM items WHERE items.session_id = session.id
    ) recount
    ORDER BY session.id`,
  )
}

/** Reads when the last audit began and which sessions disagreed then; null before the first audit. */
export async function lastAudit(database: Queryable): Promise<{ checkedAt: Date; disagreeing: string[] } | null> {
  const rows = await rowsOf<{ checked_at: string; disagreeing: string[] }>(
    database,
    sql`SELECT checked_at, disagreeing FROM checks WHERE name = 'counters'`,
  )
  const row = rows[0]
  return row === undefined ? null : { checkedAt: new Date(row.checked_at), disagreeing: row.disagreeing }
}

/** Stores an audit for every node. */
export async function storeAudit(
  database: Queryable,
  audit: { checkedAt: Date; disagreeing: readonly string[] },
): Promise<void> {
  await database.execute(sql`INSERT INTO checks (name, checked_at, disagreeing)
    VALUES ('counters', ${audit.checkedAt.toISOString()}::timestamptz, ${sql.param([...audit.disagreeing])}::text[])
    ON CONFLICT (name) DO UPDATE SET checked_at = excluded.checked_at, disagreeing = excluded.disagreeing`)
}
