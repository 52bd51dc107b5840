import { integer, pgTable, primaryKey, text, timestamp, uuid } from 'drizzle-orm/pg-core'
import { sql } from 'drizzle-orm'

/** The files that were imported. A row is committed together with the leads of its file. `rows` is the sum of the four counts. */
export const imports = pgTable('imports', {
  id: uuid('id')
    .primaryKey()
    .default(sql`uuidv7()`),
  fileName: text('file_name').notNull(),
  staffId: text('staff_id').notNull(),
  staffName: text('staff_name').notNull(),
  rows: integer('rows').notNull().default(0),
  created: integer('created').notNull().default(0),
  updated: integer('updated').notNull().default(0),
  unchanged: integer('unchanged').notNull().default(0),
  rejected: integer('rejected').notNull().default(0),
  createdAt: timestamp('created_at', { withTimezone: true, precision: 3 }).notNull().defaultNow(),
  finishedAt: timestamp('finished_at', { withTimezone: true, precision: 3 }),
})

/** The rows of files that could not become leads. `line` is the line in which the row begins; `ordinal` counts the rejected rows from 1. */
export const importRejections = pgTable(
  'import_rejections',
  {
    importId: uuid('import_id')
      .notNull()
      .references(() => imports.id, { onDelete: 'cascade' }),
    ordinal: integer('ordinal').notNull(),
    line: integer('line').notNull(),
    reason: text('reason').notNull(),
    value: text('value').notNull(),
  },
  (table) => [primaryKey({ columns: [table.importId, table.ordinal] })],
)
