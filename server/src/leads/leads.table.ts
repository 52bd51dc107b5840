import { sql } from 'drizzle-orm'
import { check, index, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core'
import { leadStatuses } from '@rollcall/shared/statuses'

/**
 * All pairs of neighbouring characters in `search_text`, and its last character. An index of them finds words that are too short
 * for trigrams. The text is cut into pairs twice, the second time from its second character on, because built-in functions that
 * cut a text at every second character are five times as fast as going from character to character. The pairs are separated
 * by U+0001, so a word with this character cannot be found by them.
 */
export const pairsOfSearchText = sql.raw(
  String.raw`array_to_tsvector(array_remove(string_to_array(regexp_replace(search_text, '..', '\&' || chr(1), 'g') || chr(1) || regexp_replace(substr(search_text, 2), '..', '\&' || chr(1), 'g'), chr(1)), ''))`,
)

/**
 * The people of the CRM. `email` is the address as it was given, and `email_key`, the address in lower case, identifies a person.
 *
 * A search (`q`) looks in `search_text`. It is stored uncompressed (migration 0011), so that an update which computes it again stores
 * the same bytes. Its trigram index needs the extension pg_trgm, and its index of pairs finds words with too few letters for
 * trigrams, such as names in Chinese and initials. The ICU collation orders names as people do, whatever the locale of the
 * database is.
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
    /** The time at which the address or a name was last replaced, or null. Items that were made after it have the same address and names. */
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
    // An activation changes no indexed column but the status. A BRIN index, which only summarizes ranges of pages, does not keep
    // PostgreSQL from a HOT update, so the new version of the row stays on its page and no other index is written.
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
