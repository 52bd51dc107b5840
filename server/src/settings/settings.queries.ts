import { sql } from 'drizzle-orm'
import type { Person, SettingsPatch } from '@rollcall/shared'
import { rowsOf, type Queryable } from '../db/database.ts'

export interface SettingRow {
  [column: string]: unknown
  name: string
  value: unknown
  updated_at: string
  updated_by_id: string
  updated_by_name: string
}

/** Returns every setting that was ever changed, the most recently changed one first. */
export async function storedSettings(database: Queryable): Promise<SettingRow[]> {
  return rowsOf<SettingRow>(database, sql`SELECT * FROM settings ORDER BY updated_at DESC, name`)
}

/** Stores these settings. A setting that has its value already keeps the person who changed it last. */
export async function storeSettings(
  database: Queryable,
  patch: SettingsPatch,
  actor: Person,
  now: Date,
): Promise<void> {
  await database.execute(sql`INSERT INTO settings (name, value, updated_at, updated_by_id, updated_by_name)
    SELECT name, value, ${now.toISOString()}::timestamptz, ${actor.id}, ${actor.name}
    FROM jsonb_each(${JSON.stringify(patch)}::jsonb) AS given(name, value)
    ORDER BY name
    ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at,
      updated_by_id = excluded.updated_by_id, updated_by_name = excluded.updated_by_name
    WHERE settings.value IS DISTINCT FROM excluded.value`)
}
