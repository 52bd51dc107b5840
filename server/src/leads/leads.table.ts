import { sql } from 'drizzle-orm'
import { check, index, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core'
import { leadStatuses } from '@rollcall/shared/statuses'

/**
 * Every two characters that stand beside each other in `search_text`, and its last one: what finds words that are too
 * short for trigrams. Where pairs begin at every second character, built-in functions cut a text five times as fast as
 * one that goes by characters: hence twice, the second time one character on. A word with U+0001 cannot be found by them.
 */
export const pairsOfSearchText = sql.raw(
  String.raw`array_to_tsvector(array_remove(string_to_array(regexp_replace(search_text, '..', '\&' || chr(1), 'g') || chr(1) || regexp_replace(substr(search_text, 2), '..', '\&' || chr(1), 'g'), chr(1)), ''))`,
)

/**
 * People of the CRM. `email` is as it was given, `email_key` (lower case) is what makes a person one person.
 *
 * `search_text` is what `q` looks in, stored uncompressed (migration 0011) so that making it again gives the same bytes; its
 * trigram index needs the extension pg_trgm. The index of pairs finds what has
 * too few letters for trigrams: names in Chinese, initials.
 * Names are ordered as people order them, whatever the locale of the database is: hence the ICU collation.
 */
export const leads = pgTable(
  'leads',
  {
    id: uuid('id')
      .primaryKey()
      .default(sql`uuidv7()`),
    email: text('email').notNull(),
    emailKey: text('email_key').notNull().unique(),
    firstName: text('first_name').notNull().default(''),
    lastName: text('last_name').notNull().default(''),
    company: text('company').notNull().default(''),
    phone: text('phone').notNull().default(''),
    source: text('source').notNull().default(''),
    owner: text('owner').notNull().default(''),
    stage: text('stage').notNull().default(''),
    notes: text('notes').notNull().default(''),
    status: text('status', { enum: [...leadStatuses] })
      .notNull()
      .default('new'),
    importId: uuid('import_id'),
    createdAt: timestamp('created_at', { withTimezone: true, precision: 3 }).notNull().defaultNow(),
    updatedAt: timestamp('updated_at', { withTimezone: true, precision: 3 }).notNull().defaultNow(),
    /** When the address or a name was last replaced by another: until then, items have the same. */
    renamedAt: timestamp('renamed_at', { withTimezone: true, precision: 3 }),
    searchText: text('search_text')
      .notNull()
      .generatedAlwaysAs(sql`lower(email || ' ' || first_name || ' ' || last_name || ' ' || company)`),
  },
  (table) => [
    check('leads_status', sql`status in (${sql.raw(leadStatuses.map((status) => `'${status}'`).join(', '))})`),
    index('leads_created_at').on(table.createdAt, table.id),
    index('leads_last_name').on(sql`last_name collate "und-x-icu"`, table.id),
    index('leads_company').on(sql`company collate "und-x-icu"`, table.id),
    // An activation changes the status and nothing else that an index knows; one that only sums up ranges of pages does not
    // count, so the new version of the row stays on its page and none of the indexes is told.
    index('leads_status').using('brin', table.status).with({ pages_per_range: 16 }),
    index('leads_source_created_at').on(table.source, table.createdAt, table.id),
    index('leads_owner_created_at').on(table.owner, table.createdAt, table.id),
    index('leads_owner_source_created_at').on(table.owner, table.source, table.createdAt, table.id),
    index('leads_import_created_at').on(table.importId, table.createdAt, table.id),
    index('leads_search').using('gin', sql`search_text gin_trgm_ops`),
    index('leads_pairs').using('gin', pairsOfSearchText),
    index('leads_renamed')
      .on(table.renamedAt)
      .where(sql`renamed_at is not null`),
  ],
)
