import type { Client } from 'pg'
import { demoLeads } from '../../server/src/demo/leads.ts'

/** How much is stored before anything is measured. */
export interface Size {
  leads: number
  sessions: number
  items: number
}

type Say = (line: string) => void

/** Fills a database once: a table that it leaves behind tells later runs that the database is filled. */
export async function seed(client: Client, size: Size, say: Say): Promise<void> {
  const { rows } = await client.query<{ filled: boolean }>(`SELECT to_regclass('bench_filled') IS NOT NULL AS filled`)
  if (rows[0]?.filled === true) return
  await seedLeads(client, size.leads, say)
  await seedAccounts(client, say)
  await client.query('VACUUM ANALYZE leads')
  await seedSessions(client, size, say)
  await client.query('VACUUM ANALYZE')
  await client.query('CREATE TABLE bench_filled ()')
}

/**
 * Fills an empty, migrated database by statements over sets. Leads are put together from names, companies, sources and
 * owners of the made-up leads of many languages, so that what a search finds has a likely shape.
 */
async function seedLeads(client: Client, count: number, say: Say): Promise<void> {
  const parts = [...demoLeads(20_000)]
  const column = (pick: (lead: (typeof parts)[number]) => string) => parts.map(pick)
  await client.query(
    `CREATE TEMP TABLE part AS SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
       WITH ORDINALITY AS part(local, domain, first_name, last_name, company, source, owner, stage, number)`,
    [
      column(({ email }) => email.replace(/\.\d+@.*/, '')),
      column(({ email }) => email.replace(/.*@/, '')),
      column((lead) => lead.firstName),
      column((lead) => lead.lastName),
      column((lead) => lead.company),
      column((lead) => lead.source),
      column((lead) => lead.owner),
      column((lead) => lead.stage),
    ],
  )
  await client.query('CREATE UNIQUE INDEX ON part (number); ANALYZE part')
  const step = 50_000
  for (let from = 1; from <= count; from += step) {
    await client.query(
      `INSERT INTO leads (email, email_key, first_name, last_name, company, phone, source, owner, stage, notes, created_at, updated_at)
       SELECT name.local || '.' || n || '@' || place.domain, name.local || '.' || n || '@' || place.domain, name.first_name, name.last_name,
         place.company, '+49 30 ' || n, place.source, place.owner, place.stage, '', at, at
       FROM (SELECT n, timestamptz '2026-01-01' + n * interval '20 s' AS at FROM generate_series($1::int, least($2::int, $3::int)) AS n) each
       JOIN part name ON name.number = 1 + hashint4(n)::bigint % 10000 + 10000
       JOIN part place ON place.number = 1 + hashint4(-n)::bigint % 10000 + 10000`,
      [from, from + step - 1, count],
    )
    if ((from - 1) % 250_000 === 0) say(`${from - 1 + Math.min(step, count)} leads`)
  }
  await client.query('DROP TABLE part')
}

/** Creates an account for every third lead; every fourth account is active. */
async function seedAccounts(client: Client, say: Say): Promise<void> {
  await client.query(
    `CREATE TABLE IF NOT EXISTS bench_leads AS SELECT row_number() OVER (ORDER BY created_at, id)::int AS n, id, created_at, email, first_name, last_name, company FROM leads`,
  )
  await client.query('CREATE UNIQUE INDEX IF NOT EXISTS bench_leads_n ON bench_leads (n)')
  await client.query('ANALYZE bench_leads')
  await client.query(
    `WITH made AS (
       INSERT INTO accounts (id, lead_id, lead_created_at, email, email_key, status, token_digest, token_expires_at, activated_at)
       SELECT uuidv7(), id, created_at, email, lower(email), CASE WHEN n % 12 = 0 THEN 'active' ELSE 'invited' END, sha256(id::text::bytea),
         now() + interval '5 days', CASE WHEN n % 12 = 0 THEN now() END FROM bench_leads WHERE n % 3 = 0
       RETURNING lead_id, status
     ) UPDATE leads SET status = made.status FROM made WHERE leads.id = made.lead_id`,
  )
  say('accounts for every third lead')
}

/** Returns the sizes of the sessions: one of a fifth of all items, ten of a fiftieth, and many small ones. */
function sizesOf({ sessions, items }: Size): number[] {
  const large = [Math.floor(items / 5), ...Array.from({ length: 10 }, () => Math.floor(items / 50))]
  const rest = items - large.reduce((sum, size) => sum + size)
  const small = Math.max(1, Math.floor(rest / (sessions - large.length)))
  return [...large, ...Array.from({ length: sessions - large.length }, () => small)]
}

/** The ids of the largest session and of one of the ten that are a tenth of it. */
export const largestSession = 'activation_1767225600000_benchsession1'
export const largeSession = 'activation_1767225600000_benchsession2'

/** Creates sessions that are over, and some that are paused or held, with items of every outcome. */
async function seedSessions(client: Client, size: Size, say: Say): Promise<void> {
  const { rows } = await client.query<{ options: string }>(
    `SELECT array_to_string(reloptions, ', ') AS options FROM pg_class WHERE oid = 'items'::regclass`,
  )
  // A real session stores 12 items on a page, which has free space for their growth. With this fill factor, 12 items in their final size are on a page, too.
  await client.query('ALTER TABLE items SET (fillfactor = 38)')
  const sizes = sizesOf(size)
  await client.query(
    `INSERT INTO sessions (id, version, status, reason, total, accounts_pending, mails_pending, selection, options, request_digest, template,
       started_by_id, started_by_name, created_at, started_at, updated_at, finished_at, snapshot_at)
     SELECT 'activation_1767225600000_benchsession' || n, 30, CASE WHEN n % 500 = 250 THEN 'paused' WHEN n % 500 = 251 THEN 'held' ELSE 'completed' END,
       CASE WHEN n % 500 = 251 THEN 'too_many_failures' END, size, size, size, '{"filter": {}}', '{"mail": true, "remind": false, "unconfirmed": "hold"}', md5(n::text),
       jsonb_build_object('from', 'Rollcall <no-reply@localhost>', 'publicUrl', 'http://localhost:3000', 'linkLifeDays', 7, 'failureShare', null,
         'source', jsonb_build_object('subject', 'Welcome', 'mjml', repeat(md5(n::text), 60), 'text', repeat(md5((-n)::text), 20))),
       'staff-' || n % 40, (ARRAY['Ada Lovelace', 'Grace Hopper', 'Bo Ek', 'Zoë Çelik'])[1 + n % 4] || ' ' || n % 40, at, at, at + interval '1 hour',
       CASE WHEN n % 500 NOT IN (250, 251) THEN at + interval '1 hour' END, at
     FROM (SELECT n, size, timestamptz '2026-01-01' + (n * 31 % $2::int) * interval '30 min' AS at
       FROM unnest($1::int[]) WITH ORDINALITY AS each(size, n)) each`,
    [sizes, sizes.length],
  )
  await client.query(
    `INSERT INTO chunks (session_id, number, first_position, last_position, accounts_done, mails_done)
     SELECT id, number, number * 500 + 1, least((number + 1) * 500, total), true, status = 'completed'
     FROM sessions, generate_series(0, (total - 1) / 500) AS number`,
  )
  const step = 500
  for (let first = 1; first <= sizes.length; first = first === 1 ? 12 : first + step) {
    const last = first === 1 ? 11 : first + step - 1
    for (const n of first === 1 ? Array.from({ length: 11 }, (_, index) => index + 1) : [0])
      await seedItems(client, n === 0 ? [first, last] : [n, n])
    if (first === 1 || (first - 12) % 2500 === 0) say(`items of session ${first} to ${Math.min(last, sizes.length)}`)
  }
  await client.query(`ALTER TABLE items SET (${rows[0]?.options})`)
  await seedCounters(client)
  say('counters, snapshots, events')
}

async function seedItems(client: Client, [first, last]: [number, number]): Promise<void> {
  await client.query(
    `INSERT INTO items (session_id, position, chunk, lead_id, email, first_name, last_name, company, account_state, account_reason, account_id,
       mail_state, mail_reason, tries, first_try_at, reply, sent_at, settled_by)
     SELECT session.id, position, (position - 1) / 500, lead.id, lead.email, lead.first_name, lead.last_name, lead.company,
       CASE WHEN skips THEN 'existing' ELSE 'created' END, CASE WHEN skips THEN 'already_invited' END, gen_random_uuid(),
       CASE WHEN skips THEN 'skipped' WHEN fails THEN 'failed' WHEN lost THEN 'unconfirmed' WHEN status <> 'completed' AND position > total - 20 THEN 'pending' ELSE 'sent' END,
       CASE WHEN skips THEN 'already_invited' WHEN fails THEN (ARRAY['address_refused', 'mailbox_full', 'refused', 'gave_up'])[1 + position % 4] WHEN lost THEN 'answer_lost' END,
       CASE WHEN skips THEN 0 ELSE 1 END, CASE WHEN NOT skips THEN session.created_at END,
       CASE WHEN fails THEN '550 5.1.1 No such user here' WHEN NOT skips THEN '250 2.0.0 Ok: queued' END,
       CASE WHEN NOT skips AND NOT fails AND NOT lost THEN session.created_at + interval '1 min' END, CASE WHEN NOT skips THEN 'answer' END
     FROM unnest($1::text[]) AS wanted(id) JOIN sessions session ON session.id = wanted.id
     CROSS JOIN LATERAL (SELECT position, position % 10 = 3 AS skips, position % 50 = 4 AS fails, position % 1000 = 5 AS lost
       FROM generate_series(1, session.total) AS position) each
     JOIN bench_leads lead ON lead.n = position + abs(hashtext(session.id)::bigint) % (1 + (SELECT max(n) FROM bench_leads) - session.total)`,
    [Array.from({ length: last - first + 1 }, (_, index) => `activation_1767225600000_benchsession${first + index}`)],
  )
}

async function seedCounters(client: Client): Promise<void> {
  await client.query(
    `UPDATE sessions SET accounts_pending = 0, accounts_created = created, accounts_existing = existing, mails_pending = pending, mails_sent = sent,
       mails_failed = failed, mails_unconfirmed = unconfirmed, mails_skipped = existing
     FROM (
       SELECT session_id, count(*) FILTER (WHERE account_state = 'created') AS created, count(*) FILTER (WHERE account_state = 'existing') AS existing,
         count(*) FILTER (WHERE mail_state = 'sent') AS sent, count(*) FILTER (WHERE mail_state = 'failed') AS failed,
         count(*) FILTER (WHERE mail_state = 'unconfirmed') AS unconfirmed, count(*) FILTER (WHERE mail_state = 'pending') AS pending
       FROM items GROUP BY session_id
     ) counted WHERE counted.session_id = sessions.id`,
  )
  await client.query(
    `INSERT INTO snapshots (session_id, version, status, accounts_created, accounts_existing, mails_sent, mails_skipped, updated_at)
     SELECT id, number, status, accounts_created, accounts_existing, mails_sent, mails_skipped, updated_at FROM sessions, generate_series(1, 20) AS number`,
  )
  await client.query(
    `INSERT INTO events (session_id, at, type, actor_id, actor_name, details)
     SELECT id, created_at, type, started_by_id, started_by_name, '{}' FROM sessions, unnest(ARRAY['started', 'running', 'completed']) AS type`,
  )
}
