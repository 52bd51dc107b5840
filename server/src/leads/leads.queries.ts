import { sql } from 'drizzle-orm'
import type { Lead, LeadField } from '@rollcall/shared'
import { rowsOf, type Queryable } from '../db/database.ts'

/** The values of a lead that a person or a file gives. An empty value says nothing about its field. */
export type LeadValues = Record<LeadField, string>
export type KeyedLead = LeadValues & { emailKey: string }

/** The column of each field. */
const columns: Record<LeadField, string> = {
  email: 'email',
  firstName: 'first_name',
  lastName: 'last_name',
  company: 'company',
  phone: 'phone',
  source: 'source',
  owner: 'owner',
  stage: 'stage',
  notes: 'notes',
}
const fields = Object.keys(columns) as LeadField[]

const timeInIso = (column: string) => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`
/** The columns of a lead that the API shows, under the names of the contract. */
export const selectedLead = sql.raw(
  [
    'leads.id, leads.status',
    ...fields.map((field) => `leads.${columns[field]} AS "${field}"`),
    `${timeInIso('leads.created_at')} AS "createdAt"`,
    `${timeInIso('leads.updated_at')} AS "updatedAt"`,
  ].join(', '),
)
export type LeadRow = Lead & Record<string, unknown>

/** Returns a lead, or null where there is none with this id. */
export async function leadById(database: Queryable, id: string): Promise<Lead | null> {
  const rows = await rowsOf<LeadRow>(database, sql`SELECT ${selectedLead} FROM leads WHERE leads.id = ${id}::uuid`)
  return rows[0] ?? null
}

/** Returns the leads whose addresses have these keys, in any order. */
export async function leadsByKey(
  database: Queryable,
  emailKeys: string[],
): Promise<(LeadRow & { emailKey: string })[]> {
  return rowsOf(
    database,
    sql`SELECT ${selectedLead}, leads.email_key AS "emailKey" FROM leads WHERE leads.email_key = ANY(${sql.param(emailKeys)}::text[])`,
  )
}

/**
 * Returns the distinct values of a column, at most `maximum`. It finds each by one step in the index of the column, so the time
 * it takes grows with the number of values and not with the number of leads.
 */
export async function distinctValues(
  database: Queryable,
  column: 'source' | 'owner',
  maximum: number,
): Promise<string[]> {
  const name = sql.raw(column)
  const rows = await rowsOf<{ value: string }>(
    database,
    sql`WITH RECURSIVE step AS (
      (SELECT ${name} AS value FROM leads WHERE ${name} > '' ORDER BY ${name} LIMIT 1)
      UNION ALL
      SELECT (SELECT ${name} FROM leads WHERE ${name} > step.value ORDER BY ${name} LIMIT 1) FROM step
      WHERE step.value IS NOT NULL
    ) SELECT value FROM step WHERE value IS NOT NULL LIMIT ${maximum}`,
  )
  return rows.map((row) => row.value)
}

export interface UpsertResult {
  created: number
  updated: number
  unchanged: number
  /** The stored values of the leads that `tellStatesOf` asked for. */
  states: KeyedLead[]
}

/**
 * Stores leads in one statement. Each key may come only once among them. A lead whose address is already stored is updated: a value
 * that is not empty replaces the stored one, and an empty one leaves it. `importId` is stored even where nothing else differs.
 * `tellStatesOf` has the keys of the leads that the result contains as they are stored then.
 *
 * Rows are locked in the order of their keys, so two of these statements never end in a deadlock. The ids of new leads grow in
 * the order in which the leads are given.
 */
export async function upsertLeads(
  database: Queryable,
  leads: KeyedLead[],
  importId: string | null,
  tellStatesOf: string[],
): Promise<UpsertResult> {
  const arrays = fields.map((field) => sql`${sql.param(leads.map((lead) => lead[field]))}::text[]`)
  const keys = sql`${sql.param(leads.map((lead) => lead.emailKey))}::text[]`
  const rows = await rowsOf<UpsertResult & Record<string, unknown>>(
    database,
    sql`WITH given AS (
      SELECT uuidv7() AS id, value.*
      FROM unnest(${keys}, ${sql.join(arrays, sql`, `)}) AS value(email_key, ${sql.raw(fieldColumns.join(', '))})
    ), merged AS (
      INSERT INTO leads (id, email_key, ${sql.raw(fieldColumns.join(', '))}, import_id)
      SELECT given.*, ${importId}::uuid FROM given ORDER BY email_key
      ON CONFLICT (email_key) DO UPDATE SET
        ${sql.raw(fieldColumns.map((column) => `${column} = ${laidOver(column)}`).join(', '))},
        import_id = coalesce(excluded.import_id, leads.import_id),
        updated_at = CASE WHEN ${sql.raw(differs(fieldColumns))} THEN now() ELSE leads.updated_at END,
        renamed_at = CASE WHEN ${sql.raw(differs(nameColumns))} THEN now() ELSE leads.renamed_at END
      RETURNING old.id IS NULL AS created, ${sql.raw(changed)} AS changed,
        new.email_key AS "emailKey", ${sql.raw(fields.map((field) => `new.${columns[field]} AS "${field}"`).join(', '))}
    )
    SELECT (count(*) FILTER (WHERE created))::int AS created,
      (count(*) FILTER (WHERE NOT created AND changed))::int AS updated,
      (count(*) FILTER (WHERE NOT created AND NOT changed))::int AS unchanged,
      coalesce(json_agg(merged) FILTER (WHERE "emailKey" = ANY(${sql.param(tellStatesOf)}::text[])), '[]') AS states
    FROM merged`,
  )
  return rows[0] ?? { created: 0, updated: 0, unchanged: 0, states: [] }
}

const fieldColumns = Object.values(columns)
/** The columns whose values the items of a session copy, and in which a search among items looks. */
const nameColumns = [columns.email, columns.firstName, columns.lastName]
const laidOver = (column: string) => `coalesce(nullif(excluded.${column}, ''), leads.${column})`
const differs = (names: string[]) =>
  `(${names.map((column) => `leads.${column}`).join(', ')}) IS DISTINCT FROM (${names.map(laidOver).join(', ')})`
const changed = `(${fieldColumns.map((column) => `old.${column}`).join(', ')}) IS DISTINCT FROM (${fieldColumns.map((column) => `new.${column}`).join(', ')})`
