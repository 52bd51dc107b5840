import { integer, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core'

/** The processes of this installation. A node that was marked dead never comes back under the same id. */
export const nodes = pgTable('nodes', {
  id: uuid().primaryKey(),
  name: text().notNull(),
  /** The backend of the connection that the node keeps open; when it is gone, so is the node. */
  backendPid: integer().notNull(),
  startedAt: timestamp({ withTimezone: true }).notNull().defaultNow(),
  beatAt: timestamp({ withTimezone: true }).notNull().defaultNow(),
  deadAt: timestamp({ withTimezone: true }),
})
