import { parse } from 'csv-parse/sync'
import { Value } from 'typebox/value'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Item, Progress, type LeadDetail, type List } from '@rollcall/shared'
import { recounted } from '../../../test/app/activation.ts'
import { createTestApp, type App } from '../../../test/app/app.ts'
import { startScriptedSmtpServer, type ScriptedSmtpServer } from '../../../test/smtp/scripted-smtp-server.ts'

let app: App
let smtp: ScriptedSmtpServer
let sessionId: string
let ids: string[]
let done: Progress
const leads = 60

beforeAll(async () => {
  app = await createTestApp()
  smtp = await startScriptedSmtpServer()
  await app.activation.work(`${smtp.url}?connections=4&ignoreTLS=true`)
  ids = await app.activation.addLeads(leads)
  await app.test.pool.query(
    `UPDATE leads SET first_name = '=HYPERLINK("http://evil.example")', last_name = 'a,"b' WHERE id = $1`,
    [ids[0]],
  )
  smtp.script = (command, { line }) =>
    command === 'RCPT' && /person\.[23]@/i.test(line) ? '550 5.1.1 No such user here' : undefined
  sessionId = (await app.activation.start({ ids })).sessionId
  done = await app.activation.until(sessionId, ({ completed }) => completed)
})
afterAll(async () => {
  await app.close()
  await smtp.stop()
})

const path = (suffix: string) => `/crm/activation/sessions/${sessionId}/${suffix}`
const items = async (query: string) =>
  (await app.call<List<Item>>('GET', path(`items?${query}`), { role: 'support' })).data

describe('the items of a session', () => {
  it('the items of a session are all leads that were chosen, each with its outcomes, page by page without gap or double', async () => {
    const seen: Item[] = []
    let cursor: string | null = ''
    do {
      const page: List<Item> = await items(`limit=7${cursor === '' ? '' : `&cursor=${cursor}`}`)
      expect(page.total).toBe(leads)
      seen.push(...page.items)
      cursor = page.nextCursor
    } while (cursor !== null)
    expect(new Set(seen.map(({ lead }) => lead.id))).toEqual(new Set(ids))
    expect(seen).toHaveLength(leads)
    expect(seen.every((item) => Value.Check(Item, item))).toBe(true)
    for (const { account, mail } of seen) {
      expect(account).toMatchObject({ state: 'created', reason: null, accountId: expect.any(String) as string })
      expect(mail.tries).toBe(1)
      if (mail.state === 'sent') {
        expect(mail.reason).toBeNull()
        expect(Date.parse(mail.sentAt ?? '')).toBeGreaterThan(0)
        expect(mail.messageId).toMatch(/^<.+@.+>$/)
      } else {
        expect(mail).toMatchObject({ state: 'failed', reason: 'address_refused', sentAt: null })
        expect(mail.reply).toContain('550 5.1.1 No such user here')
      }
    }
  })

  it('the items of a session are found by outcome, reason and words, with exact totals', async () => {
    const { data } = await app.call<LeadDetail>('GET', `/crm/leads/${ids[4]}`)
    const counts: [string, number][] = [
      ['mail=sent', leads - 2],
      ['mail=failed', 2],
      ['reason=address_refused', 2],
      ['reason=nothing', 0],
      ['account=created', leads],
      ['account=failed', 0],
      ['mail=failed&account=failed', 0],
      [`q=${encodeURIComponent(data.lead.email.toUpperCase())}`, 1],
      ['q=%25', 0],
      ['q=_', 0],
    ]
    for (const [query, total] of counts) {
      const page = await items(query)
      expect.soft([query, page.total, page.items.length]).toEqual([query, total, total])
    }
  })

  it('the items of a session have the Message-ID of the mail that was sent', async () => {
    const { items: sent } = await items('mail=sent&limit=500')
    const ofServer = smtp.mails.map(({ raw }) => /^message-id: *(\S+)/im.exec(raw.toString())?.[1])
    expect(new Set(sent.map(({ mail }) => mail.messageId))).toEqual(new Set(ofServer))
  })

  it('the items of a session are the same as a file that a spreadsheet opens safely', async () => {
    const answer = await app.call('GET', path('items.csv'), { role: 'support' })
    expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8')
    expect(answer.headers.get('content-disposition')).toBe(`attachment; filename="${sessionId}.csv"`)
    const rows: Record<string, string>[] = parse(answer.text, { columns: true, bom: true })
    expect(rows).toHaveLength(leads)
    const { items: all } = await items('limit=500')
    expect(rows.map((row) => row.email)).toEqual(all.map(({ lead }) => lead.email))
    expect(rows.map((row) => row.mail)).toEqual(all.map(({ mail }) => mail.state))
    const odd = rows.find((row) => row['last name'] === 'a,"b')
    expect(odd?.['first name']).toBe(`'=HYPERLINK("http://evil.example")`)
    for (const row of rows) for (const cell of Object.values(row)) expect(cell).not.toMatch(/^[=+\-@\t\r]/)
    const failed: unknown[] = parse((await app.call('GET', path('items.csv?mail=failed'))).text, {
      columns: true,
      bom: true,
    })
    expect(failed).toHaveLength(2)
  })
})

describe('the snapshots of a session', () => {
  it('the snapshots of a session are the stored progresses, oldest first, whose numbers add up and never go back, the last of them final', async () => {
    const { data } = await app.call<{ items: Progress[] }>('GET', path('snapshots'), { role: 'support' })
    expect(data.items.every((each) => Value.Check(Progress, each))).toBe(true)
    expect(data.items.at(-1)).toEqual(done)
    let before = data.items[0]!
    for (const each of data.items) {
      expect(Object.values(each.accounts).reduce((sum, count) => sum + count)).toBe(leads)
      expect(Object.values(each.mails).reduce((sum, count) => sum + count)).toBe(leads)
      expect(each.version).toBeGreaterThanOrEqual(before.version)
      expect(each.accounts.created).toBeGreaterThanOrEqual(before.accounts.created)
      expect(each.mails.sent).toBeGreaterThanOrEqual(before.mails.sent)
      before = each
    }
    expect(await recounted(app.test, sessionId)).toEqual({ total: leads, accounts: done.accounts, mails: done.mails })
  })

  it('the snapshots of a session are thinned evenly to the limit, and keep the first and the last', async () => {
    await app.test.pool.query(
      `INSERT INTO snapshots (session_id, version, status, accounts_created, accounts_existing, accounts_failed, accounts_cancelled,
         accounts_pending, mails_sent, mails_failed, mails_unconfirmed, mails_skipped, mails_cancelled, mails_pending, rate_samples, updated_at)
       SELECT $1, 1000 + n, 'completed', 60, 0, 0, 0, 0, 58, 2, 0, 0, 0, 0, 0, now() FROM generate_series(1, 900) AS n`,
      [sessionId],
    )
    const versions = async (limit: number) =>
      (await app.call<{ items: Progress[] }>('GET', path(`snapshots?limit=${limit}`))).data.items.map(
        ({ version }) => version,
      )
    const stored = await app.test.pool.query<{ version: string }>(
      'SELECT version FROM snapshots WHERE session_id = $1 ORDER BY version',
      [sessionId],
    )
    const ranks = new Map(stored.rows.map(({ version }, rank) => [Number(version), rank]))
    for (const limit of [2, 3, 10, 100, 500]) {
      const seen = (await versions(limit)).map((version) => ranks.get(version) ?? -1)
      expect(seen).toHaveLength(limit)
      expect([seen[0], seen.at(-1)]).toEqual([0, ranks.size - 1])
      const gaps = seen.slice(1).map((rank, index) => rank - seen[index]!)
      expect(Math.max(...gaps) - Math.min(...gaps)).toBeLessThanOrEqual(1)
    }
    expect(await versions(1)).toEqual([1900])
  })
})

describe('a lead', () => {
  it('a lead shows its account and every session it was in', async () => {
    const other = await app.activation.start({ ids: [ids[5]!] })
    await app.activation.until(other.sessionId, ({ completed }) => completed)
    const { data } = await app.call<LeadDetail>('GET', `/crm/leads/${ids[5]}`, { role: 'support' })
    expect(data.account).toMatchObject({ status: 'invited', activatedAt: null })
    expect(data.sessions).toMatchObject([
      {
        sessionId: other.sessionId,
        status: 'completed',
        account: 'existing',
        mail: 'skipped',
        reason: 'already_invited',
      },
      { sessionId, status: 'completed', account: 'created', mail: 'sent', reason: null },
    ])
  })
})
