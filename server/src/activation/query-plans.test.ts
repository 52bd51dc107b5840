import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Item, ItemsQuery, SessionsQuery } from '@rollcall/shared'
import { createTestApp, type App } from '../../test/app/app.ts'
import { explaining, type Plan } from '../../test/database/plans.ts'
import { rowsOf } from '../db/database.ts'
import { storeLeads } from '../leads/leads.usecases.ts'
import { itemsWithoutAccount } from './accounts/accounts.queries.ts'
import { recountSessions } from './maintenance/counter-audit.queries.ts'
import { unfinishedChunks } from './chunks/chunks.queries.ts'
import { waitingChunks } from './session/waiting-chunks.queries.ts'
import { allItems, countOfItems, pageOfItems } from './history/item-list.usecases.ts'
import { activeProgress } from './history/progress.usecases.ts'
import { pageOfSessions } from './history/session-list.usecases.ts'
import { snapshotsOf } from './history/session-detail.usecases.ts'
import {
  confirmByActivation,
  dueMails,
  recount,
  reopenMails,
  resolveInFlight,
  skipActivated,
} from './chunks/items.queries.ts'
import { clearOutdatedRates } from './session/rate.queries.ts'
import { oldestFinishedSession } from './maintenance/retention.queries.ts'
import { sessionsHeldFor } from './session/sessions.queries.ts'
import { chunksWithoutJob, orphanedClaims } from './chunks/recovery.queries.ts'

const large = 20_000
const sessions = 3000
/** Budgets that are small in comparison with the large session. */
const budgets = {
  outcomes: { first: 100, next: 1400 },
  names: { first: 100, next: 400 },
  namesByIndex: 5000,
}
const sessionId = 'activation_1767225600000_thelargeone'

let app: App
beforeAll(async () => {
  app = await createTestApp()
  const { pool } = app.test
  await pool.query(`INSERT INTO leads (email, email_key, first_name, last_name, created_at)
    SELECT 'P' || n || '@example.net', 'p' || n || '@example.net', 'Ada', CASE WHEN n % 1000 = 7 THEN '田中' WHEN n % 40 = 9 THEN 'Çelik' ELSE md5(n::text) END, '2026-01-01'
    FROM generate_series(1, ${large}) n`)
  await pool.query(
    `INSERT INTO sessions (id, status, total, accounts_pending, mails_pending, selection, options, request_digest, template,
       started_by_id, started_by_name, created_at, updated_at, snapshot_at, finished_at)
     SELECT CASE WHEN n = 0 THEN $1 ELSE 'activation_1767225600000_small' || 100000 + n END, CASE WHEN n % 100 = 0 THEN 'paused' ELSE 'completed' END, size, size, size,
       '{"filter": {}}', '{}', '', jsonb_build_object('from', 'A <a@b.example>', 'source', repeat(md5(n::text), 20)), 'staff-' || n % 50, 'Ada ' || n % 50, at, at, at, CASE WHEN n % 100 <> 0 THEN at END
     FROM (SELECT n, CASE WHEN n = 0 THEN ${large} ELSE 10 END AS size, timestamptz '2026-01-02' + n * interval '1 min' AS at FROM generate_series(0, ${sessions}) n) each`,
    [sessionId],
  )
  await pool.query(`INSERT INTO chunks (session_id, number, first_position, last_position, accounts_done, mails_done)
    SELECT id, number, number * 10 + 1, number * 10 + 10, true, status = 'completed' OR (number + 1) * 10 < total - 1000
    FROM sessions, generate_series(0, total / 10 - 1) number`)
  await pool.query(`INSERT INTO items (session_id, position, chunk, lead_id, email, first_name, last_name, company, account_state, account_reason, mail_state, mail_reason, next_try_at)
    SELECT session.id, position, (position - 1) / 10, lead.id, lead.email, lead.first_name, lead.last_name, '',
      CASE WHEN position % 10 = 0 THEN 'existing' WHEN position % 5000 = 3 THEN 'failed' ELSE 'created' END,
      CASE WHEN position % 10 = 0 THEN 'already_invited' WHEN position % 5000 = 3 THEN 'invalid_address' END,
      CASE WHEN position % 10 = 0 OR position % 5000 = 3 THEN 'skipped' WHEN position % 500 = 4 THEN 'failed' WHEN position % 3000 = 5 THEN 'unconfirmed'
        WHEN session.status = 'paused' AND total - position < 50 THEN 'pending' ELSE 'sent' END,
      CASE WHEN position % 10 = 0 THEN 'already_invited' WHEN position % 5000 = 3 THEN 'account_failed' WHEN position % 1000 = 4 THEN 'refused' WHEN position % 1000 = 504 THEN 'mailbox_full'
        WHEN position % 3000 = 5 THEN 'answer_lost' END,
      CASE WHEN session.status = 'paused' AND total - position < 50 THEN now() + interval '1 hour' END
    FROM sessions session, LATERAL generate_series(1, session.total) position
    JOIN leads lead ON lead.email_key = 'p' || position || '@example.net'`)
  await pool.query(`UPDATE sessions SET accounts_pending = 0, accounts_created = created, accounts_existing = existing, accounts_failed = refused, mails_pending = pending,
      mails_sent = sent, mails_failed = failed, mails_unconfirmed = lost, mails_skipped = skipped
    FROM (SELECT session_id, count(*) FILTER (WHERE account_state = 'created') created, count(*) FILTER (WHERE account_state = 'existing') existing,
        count(*) FILTER (WHERE account_state = 'failed') refused, count(*) FILTER (WHERE mail_state = 'pending') pending, count(*) FILTER (WHERE mail_state = 'sent') sent,
        count(*) FILTER (WHERE mail_state = 'failed') failed, count(*) FILTER (WHERE mail_state = 'unconfirmed') lost, count(*) FILTER (WHERE mail_state = 'skipped') skipped
      FROM items GROUP BY 1) counted WHERE session_id = id`)
  await pool.query(`INSERT INTO snapshots (session_id, version, status, updated_at)
    SELECT id, number, status, created_at FROM sessions, generate_series(1, 10) AS number`)
  await pool.query(`INSERT INTO accounts (id, lead_id, lead_created_at, email, email_key, token_digest, token_expires_at)
    SELECT uuidv7(), id, created_at, email, email_key, sha256(email::bytea), now() FROM leads`)
  await pool.query('VACUUM ANALYZE')
})
afterAll(() => app.close())

const filters: [string, Omit<ItemsQuery, 'limit' | 'cursor'>][] = [
  ['nothing', {}],
  ['accounts that are frequent', { account: 'created' }],
  ['accounts that are rare', { account: 'failed' }],
  ['accounts of which there are none', { account: 'cancelled' }],
  ['mails that are frequent', { mail: 'sent' }],
  ['mails that failed', { mail: 'failed' }],
  ['mails that nobody is sure of', { mail: 'unconfirmed' }],
  ['mails that are still to be sent', { mail: 'pending' }],
  ['mails that are being sent', { mail: 'sending' }],
  ['a reason of mails', { reason: 'mailbox_full' }],
  ['a reason of accounts', { reason: 'invalid_address' }],
  ['a reason and the state', { reason: 'refused', mail: 'failed', account: 'created' }],
  ['a reason that no item has', { reason: 'nothing' }],
  ['an address', { q: 'P12345@EXAMPLE.net' }],
  ['a word that all have', { q: 'ada' }],
  ['two characters', { q: '田中' }],
  ['a name that many have', { q: 'çelik' }],
  ['a name that many have and a state', { q: 'ÇELIK', mail: 'sent' }],
  ['what no item has', { q: 'xyzzy' }],
  ['a name and a state', { q: 'ada 田中', mail: 'sent' }],
]

describe('the items of a large session', () => {
  it('under every filter, the items of a large session come once each, page by page, with the total that counting gives', async () => {
    for (const [name, filter] of filters) await expectEachOnce(`filtered by ${name}`, filter)
  }, 300_000)

  it('under every filter, the items of a large session are found without reading the items of other sessions, or all leads', async () => {
    for (const [name, filter] of filters) await expectReadByIndex(`filtered by ${name}`, filter)
  }, 300_000)

  async function expectEachOnce(name: string, filter: ItemsQuery): Promise<void> {
    const { database } = app.test
    const wanted: string[] = []
    for await (const item of allItems(database, sessionId, filter)) wanted.push(item.lead.id)
    expect(await countOfItems(database, sessionId, filter), name).toBe(wanted.length)
    const seen: Item[] = []
    let cursor: string | undefined
    do {
      const page = await pageOfItems(database, sessionId, { ...filter, limit: 100, cursor }, budgets)
      if (page.totalIsExact) expect(page.total, name).toBe(wanted.length)
      seen.push(...page.items)
      cursor = page.nextCursor ?? undefined
    } while (cursor !== undefined && seen.length < 1500)
    expect(
      seen.map((item) => item.lead.id),
      name,
    ).toEqual(wanted.slice(0, seen.length))
    if (cursor === undefined) expect(seen, name).toHaveLength(wanted.length)
  }

  async function expectReadByIndex(name: string, filter: ItemsQuery): Promise<void> {
    const plans: Plan[] = []
    const database = explaining(app.test.database, plans)
    const { nextCursor } = await pageOfItems(database, sessionId, { ...filter, limit: 10 }, budgets)
    if (nextCursor !== null)
      await pageOfItems(database, sessionId, { ...filter, limit: 10, cursor: nextCursor }, budgets)
    const pages = plans.filter(({ statement }) => !statement.startsWith('SELECT count(*)'))
    expect(pages.length, name).toBeGreaterThan(1)
    for (const { text, readsAllOf } of pages)
      expect(
        readsAllOf.filter((table) => table !== 'items' && table !== 'chunks'),
        `${name}: ${text}`,
      ).toEqual([])
  }
})

describe('the history', () => {
  const queries: SessionsQuery[] = [
    {},
    { active: true },
    { status: 'paused' },
    { startedBy: 'staff-7' },
    { from: '2026-01-02T03:00:00Z', to: '2026-01-02T03:05:00Z' },
    { q: 'thelargeone' },
  ]
  it('the history is read by indexes under every filter', async () => {
    for (const query of queries) {
      const plans: Plan[] = []
      await pageOfSessions(explaining(app.test.database, plans), { ...query, limit: 20 })
      for (const { text, readsAllOf } of plans) expect(readsAllOf, `${JSON.stringify(query)}: ${text}`).toEqual([])
    }
  })

  it('the history finds sessions by every word of id and name, in any case', async () => {
    const total = async (q: string) => (await pageOfSessions(app.test.database, { q })).total
    expect(await total('THELARGE')).toBe(1)
    expect(await total('ada thelarge 0')).toBe(1)
    expect(await total('100%')).toBe(0)
  })
})

it('every statement that runs again and again finds its rows by index', async () => {
  const plans: Plan[] = []
  const { database: real } = app.test
  const database = explaining(real, plans)
  const claimed = { sessionId, chunk: 3, nodeId: crypto.randomUUID(), fence: 1, firstPosition: 31, lastPosition: 40 }
  await dueMails(database, claimed)
  await itemsWithoutAccount(database, claimed)
  await skipActivated(database, claimed)
  await resolveInFlight(database, sessionId, [3, 4], { state: 'unconfirmed', reason: 'answer_lost' })
  await waitingChunks(database, 'activation_1767225600000_small100017')
  await unfinishedChunks(database, 'activation_1767225600000_small100017')
  await orphanedClaims(database)
  await chunksWithoutJob(database)
  await clearOutdatedRates(database, new Date())
  await sessionsHeldFor(database, 'mail_server_down')
  await activeProgress(database)
  await snapshotsOf(database, sessionId, 100)
  await oldestFinishedSession(database, new Date())
  await recountSessions(database, { after: 'activation_1767225600000_small100017', since: null, named: [] })
  await recount(database, 'activation_1767225600000_small100017')
  await confirmByActivation(database, crypto.randomUUID())
  await reopenMails(database, { sessionId: 'activation_1767225600000_small100017', state: 'unconfirmed', reason: null })
  expect(plans.length).toBeGreaterThan(16)
  for (const { text, readsAllOf } of plans) expect(readsAllOf, text).toEqual([])
})

it('an item is found by the name that it has, also when its lead has another by now', async () => {
  const { database } = app.test
  const search = async (q: string) =>
    (await pageOfItems(database, sessionId, { q }, budgets)).items.map(({ lead }) => lead)
  const [before] = await search('p777@example.net')
  expect(before?.firstName).toBe('Ada')
  const [lead] = await rowsOf<Record<string, string>>(
    database,
    sql`SELECT * FROM leads WHERE email_key = 'p777@example.net'`,
  )
  const values = { email: lead!.email!, emailKey: lead!.email_key!, firstName: 'Grace', lastName: 'Hopper' }
  await storeLeads(database, [{ ...values, company: '', phone: '', source: '', owner: '', stage: '', notes: '' }], null)
  expect(await search(`${before?.lastName} p777`)).toEqual([before])
  expect(await search('hopper')).toEqual([])
  expect(await countOfItems(database, sessionId, { q: `${before?.lastName} p777` })).toBe(1)
  expect(await countOfItems(database, sessionId, { q: 'hopper' })).toBe(0)
})
