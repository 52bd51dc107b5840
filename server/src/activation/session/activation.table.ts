import { sql, type SQL } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  real,
  smallint,
  text,
  timestamp,
  uuid,
  type AnyPgColumn,
} from 'drizzle-orm/pg-core'
import {
  counters,
  sessionStatuses,
  type AccountState,
  type CountedOutcome,
  type CounterKey,
  type EventType,
  type MailState,
  type Selection,
  type SessionOptions,
  type SessionStatus,
} from '@rollcall/shared'
import { sqlList } from '../../db/sql-list.ts'
import type { SessionTemplate } from './template.ts'

const moment = () => timestamp({ withTimezone: true })
const counter = () => integer().notNull().default(0)

/** A column for each counter of the contract. */
const counterColumns = () =>
  Object.fromEntries(counters.map(({ key }) => [key, counter()])) as Record<CounterKey, ReturnType<typeof counter>>

/** What a progress is made of; a session's row and each of its snapshots carry the same columns. */
const progressColumns = () => ({
  version: bigint({ mode: 'number' }).notNull().default(1),
  status: text().$type<SessionStatus>().notNull(),
  reason: text(),
  ...counterColumns(),
  /** Mails with an outcome a second, smoothed; null while it is not known. */
  rate: real(),
  /** How many seconds the rate was measured for; the time that is left is told only when the rate is steady. */
  rateSamples: smallint().notNull().default(0),
  startedAt: moment(),
  updatedAt: moment().notNull(),
  finishedAt: moment(),
})

/** One bulk activation. Counters are moved by `advance` in advance.queries.ts and by nothing else. */
export const sessions = pgTable(
  'sessions',
  {
    id: text().primaryKey(),
    ...progressColumns(),
    total: integer().notNull(),
    selection: jsonb().$type<Selection>().notNull(),
    options: jsonb().$type<SessionOptions>().notNull(),
    /** SHA-256 of selection and options: tells the same request again from another one under the same id. */
    requestDigest: text().notNull(),
    /** As it was at the start, so that a mail sent again is the same, byte for byte. */
    template: jsonb().$type<SessionTemplate>().notNull(),
    startedById: text().notNull(),
    startedByName: text().notNull(),
    createdAt: moment().notNull(),
    /** No mail leaves before this. */
    mailNotBefore: moment(),
    /** After this many mails sent the session holds for a person; null when none was asked for or it is passed. */
    canary: integer(),
    /** Failures beyond this share of the mails tried hold the session; null: never. */
    failureShare: real(),
    /** Failures that a person has seen and gone on from. */
    failuresAccepted: counter(),
    snapshotAt: moment().notNull(),
    /** Mails with an outcome of the mail server when the rate was last measured. */
    rateDone: counter(),
  },
  (table) => [
    // Read backwards: the newest come first in every list.
    index('sessions_created').on(table.createdAt, table.id),
    index('sessions_status_created').on(table.status, table.createdAt, table.id),
    index('sessions_starter_created').on(table.startedById, table.createdAt, table.id),
    index('sessions_finished')
      .on(table.finishedAt, table.id)
      .where(sql`${table.finishedAt} is not null`),
    index('sessions_search').using('gin', sql`lower(id || ' ' || started_by_name) gin_trgm_ops`),
    check('sessions_status', sql`${table.status} in (${sqlList(sessionStatuses)})`),
    check('sessions_accounts_add_up', sql`${sumOf(table, 'accounts')} = ${table.total}`),
    check('sessions_mails_add_up', sql`${sumOf(table, 'mails')} = ${table.total}`),
    check('sessions_accounts_left', sql`${table.accountsPending} >= 0`),
    check('sessions_mails_left', sql`${table.mailsPending} >= 0`),
  ],
)

/** The sum of all counters of an outcome. */
function sumOf(table: Record<CounterKey, AnyPgColumn>, outcome: CountedOutcome): SQL {
  const columns = counters.filter((each) => each.outcome === outcome).map(({ key }) => sql`${table[key]}`)
  return sql.join(columns, sql` + `)
}

/** A progress that was stored: at most one a second, and every change of status. */
export const snapshots = pgTable(
  'snapshots',
  {
    sessionId: text()
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
    ...progressColumns(),
  },
  (table) => [primaryKey({ columns: [table.sessionId, table.version] })],
)

/** A run of a session's items that one worker handles at a time. */
export const chunks = pgTable(
  'chunks',
  {
    sessionId: text()
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
    number: integer().notNull(),
    firstPosition: integer().notNull(),
    lastPosition: integer().notNull(),
    accountsDone: boolean().notNull().default(false),
    mailsDone: boolean().notNull().default(false),
    /** The node that works on it; every write of a worker checks owner and fence under a lock of this row. */
    owner: uuid(),
    /** Grows with every claim, so a worker that was frozen and woke up writes nothing. */
    fence: integer().notNull().default(0),
  },
  (table) => [
    primaryKey({ columns: [table.sessionId, table.number] }),
    index('chunks_owner')
      .on(table.owner)
      .where(sql`${table.owner} is not null`),
  ],
)

/**
 * One lead in one session, with its two outcomes. Items come from leads and sessions by one statement at the start, and
 * neither is deleted under them; so there are no foreign keys, which would check a million rows one by one.
 */
export const items = pgTable(
  'items',
  {
    sessionId: text().notNull(),
    position: integer().notNull(),
    chunk: integer().notNull(),
    leadId: uuid().notNull(),
    /** As they were at the start: who was mailed, and by what name. */
    email: text().notNull(),
    firstName: text().notNull(),
    lastName: text().notNull(),
    company: text().notNull(),
    accountState: text().$type<AccountState>().notNull().default('pending'),
    accountReason: text(),
    accountId: uuid(),
    mailState: text().$type<MailState>().notNull().default('pending'),
    mailReason: text(),
    /** An answer to this mail was lost, and nothing has told since whether it arrived. */
    inDoubt: boolean().notNull().default(false),
    tries: smallint().notNull().default(0),
    nextTryAt: moment(),
    /** The Date header: the first time the mail was handed over, kept for every later try. */
    firstTryAt: moment(),
    reply: text(),
    sentAt: moment(),
    settledBy: text(),
  },
  (table) => [
    primaryKey({ columns: [table.sessionId, table.position] }),
    // Equal keys share an entry, so this one is small: a start adds to it here and there.
    index('items_lead').on(table.leadId),
    // To this one it adds in order, because a session's leads come in the order of their ids. Tells the position as well, so that a
    // search reads no items but those of its page.
    index('items_session_lead').on(table.sessionId, table.leadId, table.position),
    // No index names a state: what is sent without trouble changes no column of an index, so PostgreSQL keeps each new
    // version of its row on the page of the old one and leaves the indexes alone. Whatever ends another way has a reason.
    index('items_mail_reason')
      .on(table.sessionId, table.mailReason, table.position)
      .where(sql`${table.mailReason} is not null`),
    index('items_account_reason')
      .on(table.sessionId, table.accountReason, table.position)
      .where(sql`${table.accountReason} is not null`),
  ],
)

/** What happened to a session, with an actor or a cause. */
export const events = pgTable(
  'events',
  {
    id: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    sessionId: text()
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
    at: moment().notNull(),
    type: text().$type<EventType>().notNull(),
    actorId: text(),
    actorName: text(),
    cause: text(),
    details: jsonb().$type<Record<string, unknown>>().notNull().default({}),
  },
  (table) => [index('events_session').on(table.sessionId, table.id)],
)
