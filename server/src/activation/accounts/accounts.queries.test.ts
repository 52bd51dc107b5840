import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createActivation, type Activation } from '../../../test/app/activation.ts'
import { createTestDatabase, type TestDatabase } from '../../../test/database/database.ts'
import { itemsWithAccountOfAnotherLead } from '../../../test/simulation/invariants.ts'
import { draftAccounts, type AccountDrafts } from '../../accounts/account-drafts.ts'
import { activationToken, linkKey, tokenDigest } from '../../accounts/token.ts'
import { openDatabase, openWorkerPool, rowsOf, type Database, type Queryable } from '../../db/database.ts'
import { itemsWithoutAccount, makeAccounts, storeAllCreated } from './accounts.queries.ts'
import type { ClaimedChunk } from '../chunks/chunks.queries.ts'
import { skipActivated } from '../chunks/items.queries.ts'

let test: TestDatabase
let activation: Activation
let workerDatabase: Database
let pool: ReturnType<typeof openWorkerPool>
beforeAll(async () => {
  test = await createTestDatabase()
  activation = await createActivation(test)
  pool = openWorkerPool(test.url, { maximum: 1, onError: () => {} })
  workerDatabase = openDatabase(pool)
})
afterAll(async () => {
  await pool.end()
  await activation.close()
  await test.close()
})

const key = linkKey('a secret')
const times = { now: new Date('2027-01-01T12:00:00Z'), expiresAt: new Date('2027-01-08T12:00:00Z') }

/** Starts a session of these leads, which no worker runs; returns all of it as if it were one claimed chunk. */
async function chunkOf(ids: string[]): Promise<ClaimedChunk> {
  const { sessionId } = await activation.start({ ids })
  const { rows } = await test.pool.query<{ first: number; last: number }>(
    'SELECT min(first_position) AS first, max(last_position) AS last FROM chunks WHERE session_id = $1',
    [sessionId],
  )
  const { first, last } = rows[0]!
  return { sessionId, chunk: 0, nodeId: crypto.randomUUID(), fence: 1, firstPosition: first, lastPosition: last }
}

function draftsFor({ firstPosition, lastPosition }: ClaimedChunk): AccountDrafts {
  return draftAccounts(lastPosition - firstPosition + 1, key)
}

/** Runs `run` in a transaction that is rolled back, and returns its result. */
async function undone<Result>(run: (transaction: Queryable) => Promise<Result>): Promise<Result> {
  const outcome: { result?: Result } = {}
  const undo = new Error('undo')
  await workerDatabase
    .transaction(async (transaction) => {
      outcome.result = await run(transaction)
      throw undo
    })
    .catch((error: unknown) => {
      if (error !== undo) throw error
    })
  return outcome.result as Result
}

/** Returns how many leads this connection has updated since PostgreSQL last added them to its statistics, and how many in place. */
async function updatesOfLeads(transaction: Queryable): Promise<{ all: number; inPlace: number }> {
  const [row] = await rowsOf<{ all: number; inPlace: number }>(
    transaction,
    sql`SELECT n_tup_upd::int AS "all", n_tup_hot_upd::int AS "inPlace" FROM pg_stat_xact_user_tables WHERE relname = 'leads'`,
  )
  return row!
}

/** Returns the ways by which the statements that `run` prepares find items, in a database without statistics. */
async function waysToItems(run: (transaction: Queryable) => Promise<unknown>): Promise<string[]> {
  return undone(async (transaction) => {
    await transaction.execute(sql`LOAD 'auto_explain'`)
    const notices: string[] = []
    const { $client: client } = transaction as unknown as {
      $client: { on: (event: 'notice', note: (notice: { message?: string }) => void) => void }
    }
    client.on('notice', ({ message = '' }) => notices.push(message))
    for (const [name, setting] of [
      ['auto_explain.log_min_duration', '0'],
      ['auto_explain.log_level', 'notice'],
      ['client_min_messages', 'notice'],
    ])
      await transaction.execute(sql`SELECT set_config(${name}, ${setting}, true)`)
    await run(transaction)
    return notices.flatMap((notice) =>
      [...notice.matchAll(/(?:Scan[^\n]* on items[^\n]*\n\s*Index Cond: [^\n]*)/g)].map(([way]) => way),
    )
  })
}

describe('the accounts of a chunk', () => {
  it('the accounts of a chunk are made in the order of its positions, each with the digest of its own token', async () => {
    const claimed = await chunkOf(await activation.addLeads(5))
    const drafts = draftsFor(claimed)
    expect(await makeAccounts(workerDatabase, claimed, { drafts, ...times })).toBe(5)
    const { rows } = await test.pool.query<{ id: string; digest: string }>(
      `SELECT account.id, encode(account.token_digest, 'hex') AS digest FROM items JOIN accounts account ON account.lead_id = items.lead_id
        WHERE items.session_id = $1 ORDER BY items.position`,
      [claimed.sessionId],
    )
    expect(rows).toEqual(drafts.ids.map((id) => ({ id, digest: tokenDigest(activationToken(key, id, 1)) })))
  })

  it('the accounts of a chunk are those of its own people, wherever in its session it is', async () => {
    const whole = await chunkOf(await activation.addLeads(7))
    const claimed = { ...whole, firstPosition: whole.firstPosition + 2, lastPosition: whole.firstPosition + 4 }
    const drafts = draftsFor(claimed)
    expect(await makeAccounts(workerDatabase, claimed, { drafts, ...times })).toBe(3)
    const stored = { ids: drafts.ids, now: times.now, mailState: 'pending', mailReason: null } as const
    expect(await storeAllCreated(workerDatabase, claimed, stored)).toMatchObject({
      accounts_created: 3,
      accounts_pending: 4,
    })
    const { rows } = await test.pool.query<{ account_id: string | null }>(
      'SELECT account_id FROM items WHERE session_id = $1 ORDER BY position',
      [claimed.sessionId],
    )
    expect(rows.map((row) => row.account_id)).toEqual([null, null, ...drafts.ids, null, null])
    expect(await itemsWithAccountOfAnotherLead(test, claimed.sessionId)).toEqual([])
  })

  it('the accounts of a chunk are told from those that there were, and from people who cannot be mailed', async () => {
    const ids = await activation.addLeads(6)
    await makeAccounts(workerDatabase, await chunkOf(ids.slice(0, 2)), { drafts: draftAccounts(2, key), ...times })
    await test.pool.query(`UPDATE leads SET email = 'nobody' WHERE id = $1`, [ids[5]])
    const claimed = await chunkOf(ids)
    const drafts = draftsFor(claimed)
    expect(await makeAccounts(workerDatabase, claimed, { drafts, ...times })).toBe(3)
    const people = await itemsWithoutAccount(workerDatabase, claimed)
    expect(people.map(({ position }) => position)).toEqual(drafts.ids.map((_, index) => claimed.firstPosition + index))
    const isDrafted = people.map(({ account_id: id }) => id !== null && drafts.ids.includes(id))
    const { rows } = await test.pool.query<{ lead_id: string }>(
      'SELECT lead_id FROM items WHERE session_id = $1 ORDER BY position',
      [claimed.sessionId],
    )
    const expected = rows.map(({ lead_id: lead }) => ids.slice(2, 5).includes(lead))
    expect(isDrafted).toEqual(expected)
    expect(people.filter(({ account_id: id }) => id === null)).toHaveLength(1)
  })

  it('the accounts of a chunk mark leads as invited without telling any index, however long they are', async () => {
    const { rows: leads } = await test.pool.query<{ id: string }>(
      `INSERT INTO leads (email, email_key, company, notes)
        SELECT email, email, repeat('Lovelace and Company ', 20), (SELECT string_agg(md5(n::text || m), '') FROM generate_series(1, 55) m)
        FROM (SELECT n, n || '.lovelace.lovelace@lovelace.long.example' AS email FROM generate_series(1, 100) n) made RETURNING id`,
    )
    const ids = leads.map(({ id }) => id)
    const { rows } = await test.pool.query<{ size: number; full: number }>(
      `SELECT pg_column_size(search_text) AS size, octet_length(search_text) AS full FROM leads WHERE id = $1`,
      [ids[0]],
    )
    expect(rows[0]!.size).toBeGreaterThanOrEqual(rows[0]!.full)
    const claimed = await chunkOf(ids)
    const [before, after] = await workerDatabase.transaction(async (transaction) => {
      const counted = await updatesOfLeads(transaction)
      expect(await makeAccounts(transaction, claimed, { drafts: draftsFor(claimed), ...times })).toBe(100)
      return [counted, await updatesOfLeads(transaction)]
    })
    expect({ all: after.all - before.all, inPlace: after.inPlace - before.inPlace }).toEqual({ all: 100, inPlace: 100 })
  })

  it('the accounts of a chunk find its items by their positions and nothing else, also while PostgreSQL knows nothing of the table', async () => {
    const claimed = await chunkOf(await activation.addLeads(3))
    const drafts = draftsFor(claimed)
    const ways = await waysToItems(async (transaction) => {
      await makeAccounts(transaction, claimed, { drafts, ...times })
      await itemsWithoutAccount(transaction, claimed)
      await skipActivated(transaction, claimed)
      await storeAllCreated(transaction, claimed, {
        ids: drafts.ids,
        now: times.now,
        mailState: 'pending',
        mailReason: null,
      })
    })
    expect(ways).toHaveLength(4)
    for (const way of ways) {
      expect(way).toContain('using items_session_id_position_pk')
      expect(way).toMatch(/session_id = .*"?position"? >= .*"?position"? <=/)
    }
  })
})
