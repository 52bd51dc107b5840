import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LeadDetail, Progress } from '@rollcall/shared'
import { until } from '../../test/app/activation.ts'
import { createTestApp, openNoBus, type App } from '../../test/app/app.ts'
import { tokenInMail } from '../../test/smtp/mail-token.ts'
import { startScriptedSmtpServer, type ScriptedSmtpServer } from '../../test/smtp/scripted-smtp-server.ts'

let app: App
let smtp: ScriptedSmtpServer
beforeAll(async () => {
  app = await createTestApp({ openBus: openNoBus })
  smtp = await startScriptedSmtpServer()
  await app.activation.work(`${smtp.url}?connections=4&ignoreTLS=true`)
})
afterAll(async () => {
  await app.close()
  await smtp.stop()
})

const password = 'a password of my own'
let address = 0

/** Calls a route of the activation link. Each call has a client address of its own, because the rate of each address is limited. */
function ask<Data>(path: string, body: unknown, from?: string) {
  address += 1
  const forwarded = from ?? `10.1.${address >> 8}.${address & 255}`
  return app.call<Data>('POST', path, { role: null, body, headers: { 'x-forwarded-for': forwarded } })
}
const inspect = (token: string) =>
  ask<{ email: string; firstName: string; expiresAt: string }>('/activation/inspect', { token })
const accept = (token: string, word = password) =>
  ask<{ email: string }>('/activation/accept', { token, password: word })

/** Invites `count` people, and returns the session, the ids of their leads and the tokens of their mails. */
async function invite(count: number): Promise<{ sessionId: string; ids: string[]; tokens: string[] }> {
  smtp.mails.length = 0
  const ids = await app.activation.addLeads(count)
  const { sessionId } = await app.activation.start({ ids })
  await app.activation.until(sessionId, ({ completed }) => completed)
  return { sessionId, ids, tokens: smtp.mails.map(({ raw }) => tokenInMail(raw)) }
}

const stored = async () =>
  (await app.test.pool.query<Record<string, string>>('SELECT accounts::text, leads::text FROM accounts, leads')).rows

describe('an activation link', () => {
  it('An activation link may be opened any number of times, by anybody, and nothing changes', async () => {
    const { tokens } = await invite(1)
    const token = tokens[0]!
    const before = await stored()
    for (let times = 0; times < 5; times++) {
      for (const method of ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT'])
        await app.call(method, `/activate/${token}`, {
          role: null,
          ...(method.startsWith('P') ? { body: { password } } : {}),
        })
      expect((await inspect(token)).status).toBe(200)
    }
    expect(await stored()).toEqual(before)
    expect((await accept(token)).status).toBe(200)
  })

  it('An activation link shows whose it is and until when it is good', async () => {
    const { tokens } = await invite(1)
    const { data } = await inspect(tokens[0]!)
    expect(data.email).toMatch(/^Person\.1@/)
    expect(data.firstName).toBe('First1')
    const days = (Date.parse(data.expiresAt) - Date.now()) / 86_400_000
    expect(days).toBeGreaterThan(6.9)
    expect(days).toBeLessThanOrEqual(7)
  })

  it('A lead is active once its password is set, and only digests of password and token are stored', async () => {
    const { tokens, ids } = await invite(1)
    const token = tokens[0]!
    const detail = () => app.call<LeadDetail>('GET', `/crm/leads/${ids[0]}`, { role: 'support' })
    expect((await detail()).data).toMatchObject({
      lead: { status: 'invited' },
      account: { status: 'invited', activatedAt: null },
    })
    const { data } = await accept(token)
    expect(data.email).toMatch(/^Person\.1@/)
    const after = (await detail()).data
    expect(after).toMatchObject({ lead: { status: 'active' }, account: { status: 'active' } })
    expect(Date.parse(after.account?.activatedAt ?? '')).toBeGreaterThan(Date.now() - 60_000)
    const { rows } = await app.test.pool.query<{ password_hash: string; token_digest: Buffer }>(
      'SELECT password_hash, token_digest FROM accounts WHERE lead_id = $1',
      [ids[0]],
    )
    expect(rows[0]?.password_hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]+\$[\w+/]+$/)
    expect(rows[0]?.token_digest).toEqual(createHash('sha256').update(token).digest())
    const everything = JSON.stringify(
      (await app.test.pool.query(`SELECT items::text, accounts::text, sessions::text FROM items, accounts, sessions`))
        .rows,
    )
    expect(everything).not.toContain(token)
    expect(everything).not.toContain(password)
  })

  it('Of twenty passwords that come at once for one activation link one is set, and the others are told that the link is used', async () => {
    const { tokens } = await invite(1)
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => accept(tokens[0]!, `${password} ${index}`)),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    const others = answers.filter(({ status }) => status !== 200)
    expect(new Set(others.map(({ status, code }) => `${status} ${code}`))).toEqual(new Set(['409 TOKEN_USED']))
  })

  it('An activation link that is wrong, used or expired is refused with a code of its own', async () => {
    const { tokens, ids } = await invite(2)
    const [used, expired] = tokens as [string, string]
    await accept(used)
    await app.test.pool.query(`UPDATE accounts SET token_expires_at = now() WHERE token_digest = $1`, [
      createHash('sha256').update(expired).digest(),
    ])
    for (const call of [inspect, accept]) {
      for (const wrong of ['x', `${used}x`, used.slice(1), used.toUpperCase(), '../..', '%00', "' OR true --"])
        expect(await call(wrong)).toMatchObject({ status: 404, code: 'TOKEN_INVALID', success: false })
      expect(await call(used)).toMatchObject({ status: 409, code: 'TOKEN_USED' })
      expect(await call(expired)).toMatchObject({ status: 422, code: 'TOKEN_EXPIRED' })
    }
    const detail = await app.call<LeadDetail>('GET', `/crm/leads/${ids[1]}`)
    expect(['invited', 'active']).toContain(detail.data.lead.status)
  })

  it('An activation link stays good after a password that was too weak', async () => {
    const { tokens } = await invite(1)
    for (const weak of ['', 'short', '123456789', '👍'.repeat(9), 'x'.repeat(201)])
      expect(await accept(tokens[0]!, weak)).toMatchObject({ status: 422, code: 'PASSWORD_TOO_WEAK' })
    expect((await accept(tokens[0]!, '👍'.repeat(10))).status).toBe(200)
  })

  it('An address may try activation links thirty times a minute, and then 429 says when to come back', async () => {
    const { tokens } = await invite(1)
    for (let times = 0; times < 30; times++)
      expect((await ask('/activation/inspect', { token: tokens[0] }, '203.0.113.7')).status).toBe(200)
    const refused = await ask('/activation/inspect', { token: tokens[0] }, '203.0.113.7')
    expect(refused).toMatchObject({ status: 429, code: 'TOO_MANY_REQUESTS', success: false })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await ask('/activation/inspect', { token: tokens[0] }, '203.0.113.8')).status).toBe(200)
  })
})

describe('a mail that nobody could be sure of', () => {
  it('An unconfirmed mail counts as sent once its person activates, also on the screens', async () => {
    smtp.mails.length = 0
    let lost = 0
    smtp.script = (command) => (command === 'DOT' && lost++ === 0 ? { drop: 'rst' } : undefined)
    const ids = await app.activation.addLeads(3)
    const { sessionId } = await app.activation.start({ ids })
    const before = await app.activation.until(sessionId, ({ completed }) => completed)
    smtp.script = () => undefined
    expect(before.mails).toMatchObject({ sent: 2, unconfirmed: 1 })
    const watcher = await app.watch()
    watcher.send({ type: 'subscribe', sessionId })
    await watcher.progress(sessionId)
    for (const { raw } of smtp.mails) expect((await accept(tokenInMail(raw))).status).toBe(200)
    const after = await watcher.progress(sessionId, ({ mails }) => mails.sent === 3)
    expect(after).toMatchObject({ status: 'completed', mails: { sent: 3, unconfirmed: 0 } })
    expect(after.version).toBe(before.version + 1)
    watcher.close()
    const { data } = await app.call<{ items: { mail: { state: string; settledBy: string | null } }[] }>(
      'GET',
      `/crm/activation/sessions/${sessionId}/items?mail=sent`,
    )
    expect(data.items.filter(({ mail }) => mail.settledBy === 'activation')).toHaveLength(1)
    const progress = await until(
      async () => (await app.call<Progress>('GET', `/crm/activation/progress/${sessionId}`)).data,
      ({ version }) => version === after.version,
    )
    expect(progress.mails).toEqual(after.mails)
  })
})
