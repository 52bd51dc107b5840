import { Value } from 'typebox/value'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Progress, SessionDetail, type List, type Preview } from '@rollcall/shared'
import { newSessionId, until } from '../../../test/app/activation.ts'
import { createTestApp, type App } from '../../../test/app/app.ts'
import { startScriptedSmtpServer, type ScriptedSmtpServer } from '../../../test/smtp/scripted-smtp-server.ts'

const sessions = '/crm/activation/sessions'
let app: App
let smtp: ScriptedSmtpServer
beforeAll(async () => {
  app = await createTestApp()
  smtp = await startScriptedSmtpServer()
  await app.activation.work(`${smtp.url}?connections=4&ignoreTLS=true`)
})
afterAll(async () => {
  await app.close()
  await smtp.stop()
})
beforeEach(() => {
  smtp.script = () => undefined
  smtp.mails.length = 0
})

const later = () => new Date(Date.now() + 3_600_000).toISOString()
const start = (body: object) => app.call<Progress>('POST', sessions, { body })
const pull = (sessionId: string, command: string, body?: object) =>
  app.call<Progress>('POST', `${sessions}/${sessionId}/${command}`, body === undefined ? {} : { body })
const progressOf = async (sessionId: string) =>
  (await app.call<Progress>('GET', `/crm/activation/progress/${sessionId}`, { role: 'support' })).data
const completed = (sessionId: string) =>
  until(
    () => progressOf(sessionId),
    (progress) => progress.completed,
  )

describe('starting', () => {
  it('starting a session answers 202 and the first progress, then 200 and the current one for the same id and body, however it is written', async () => {
    const ids = await app.activation.addLeads(5)
    const sessionId = newSessionId()
    const first = await start({ sessionId, selection: { ids }, options: { mail: true, remind: false } })
    expect(first).toMatchObject({ status: 202, success: true })
    expect(Value.Check(Progress, first.data)).toBe(true)
    expect(first.data).toMatchObject({
      sessionId,
      version: 1,
      status: 'queued',
      reason: null,
      total: 5,
      completed: false,
      accounts: { created: 0, existing: 0, failed: 0, cancelled: 0, pending: 5 },
      mails: { sent: 0, failed: 0, unconfirmed: 0, skipped: 0, cancelled: 0, pending: 5 },
      mailsPerSecond: null,
      secondsLeft: null,
      startedBy: { id: app.staff.admin.id, name: 'A admin' },
      startedAt: null,
      finishedAt: null,
    })
    const again = await start({ options: { remind: false, mail: true }, selection: { ids }, sessionId })
    expect(again.status).toBe(200)
    expect(again.data.sessionId).toBe(sessionId)
    const done = await completed(sessionId)
    const much = await start({ sessionId, selection: { ids }, options: { mail: true, remind: false } })
    expect(much).toMatchObject({ status: 200, data: done })
    expect(smtp.mails).toHaveLength(5)
  })

  it('starting a session gives an id in the form of the contract where none is given', async () => {
    const { data } = await start({ selection: { ids: await app.activation.addLeads(1) }, options: { mail: false } })
    expect(data.sessionId).toMatch(/^activation_\d{13}_[a-z0-9]{6,32}$/)
  })

  it('starting a session is done once for twenty identical requests over HTTP', async () => {
    const request = { sessionId: newSessionId(), selection: { ids: await app.activation.addLeads(10) } }
    const answers = await Promise.all(Array.from({ length: 20 }, () => start(request)))
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
      ...Array.from({ length: 19 }, () => 200),
      202,
    ])
    await completed(request.sessionId)
    expect(smtp.mails).toHaveLength(10)
  })

  it('starting a session refuses the same id with another body, and nothing is started', async () => {
    const [one, ...others] = await app.activation.addLeads(3)
    const sessionId = newSessionId()
    await start({ sessionId, selection: { ids: [one] }, options: { startAt: later() } })
    for (const body of [{ selection: { ids: others } }, { selection: { ids: [one] } }, { selection: { filter: {} } }])
      expect(await start({ sessionId, ...body })).toMatchObject({ status: 409, code: 'SESSION_EXISTS' })
    expect(await progressOf(sessionId)).toMatchObject({ status: 'scheduled', total: 1, version: 1 })
  })

  it('starting a session refuses an empty selection and leads that do not exist with 422, and the id stays free', async () => {
    const ids = await app.activation.addLeads(1)
    const sessionId = newSessionId()
    const refusals: [object, string][] = [
      [{ ids: [] }, 'EMPTY_SELECTION'],
      [{ filter: { q: 'nobody is called like this' } }, 'EMPTY_SELECTION'],
      [
        { filter: { q: 'First1' }, except: ids.concat((await allIds()).filter((id) => !ids.includes(id))) },
        'EMPTY_SELECTION',
      ],
      [{ ids: [...ids, crypto.randomUUID()] }, 'LEADS_NOT_FOUND'],
    ]
    for (const [selection, code] of refusals)
      expect(await start({ sessionId, selection })).toMatchObject({ status: 422, code, success: false })
    expect((await start({ sessionId, selection: { ids }, options: { startAt: later() } })).status).toBe(202)
  })

  it('starting a session takes a lead once that is named twice, and who a filter finds but those who are left out', async () => {
    const ids = await app.activation.addLeads(4)
    const twice = await start({ selection: { ids: [...ids, ...ids] }, options: { startAt: later() } })
    expect(twice.data.total).toBe(4)
    const { data } = await app.call<{ lead: { email: string } }>('GET', `/crm/leads/${ids[0]}`)
    const filter = { q: data.lead.email.split('@')[1] }
    const filtered = await start({ selection: { filter, except: [ids[1]] }, options: { startAt: later() } })
    expect(filtered.data.total).toBe(3)
  })
})

async function allIds(): Promise<string[]> {
  const { rows } = await app.test.pool.query<{ id: string }>('SELECT id FROM leads')
  return rows.map(({ id }) => id)
}

describe('a preview', () => {
  it('a preview counts exactly, shows five, and changes nothing', async () => {
    const ids = await app.activation.addLeads(7)
    const before = await app.test.pool.query('SELECT leads::text FROM leads ORDER BY id')
    const preview = (selection: object) => app.call<Preview>('POST', '/crm/activation/preview', { body: { selection } })
    const { status, data } = await preview({ ids })
    expect(status).toBe(200)
    expect(data).toMatchObject({ total: 7, willCreate: 7, active: 0, invited: 0, invalid: 0, recentlyMailed: 0 })
    expect(data.sample).toHaveLength(5)
    expect((await preview({ ids: [] })).data.total).toBe(0)
    expect(await preview({ ids: [crypto.randomUUID()] })).toMatchObject({ status: 422, code: 'LEADS_NOT_FOUND' })
    const after = await app.test.pool.query('SELECT leads::text FROM leads ORDER BY id')
    expect(after.rows).toEqual(before.rows)
  })
})

describe('the commands of a session', () => {
  it('the commands of a session answer 200 and the progress where they are possible, and 409 with what is possible where they are not', async () => {
    const { data } = await start({
      selection: { ids: await app.activation.addLeads(2) },
      options: { startAt: later() },
    })
    const { sessionId } = data
    const steps: [string, number, string][] = [
      ['resume', 409, 'scheduled'],
      ['pause', 200, 'paused'],
      ['pause', 409, 'paused'],
      ['cancel', 200, 'cancelled'],
      ['cancel', 409, 'cancelled'],
      ['pause', 409, 'cancelled'],
      ['resume', 409, 'cancelled'],
    ]
    for (const [command, status, after] of steps) {
      const answer = await pull(sessionId, command)
      expect.soft([command, answer.status]).toEqual([command, status])
      if (status === 200) expect.soft(answer.data.status).toBe(after)
      else expect.soft(answer).toMatchObject({ code: 'NOT_POSSIBLE_NOW', details: { status: after } })
    }
    const cancelled = await until(
      () => progressOf(sessionId),
      ({ mails }) => mails.pending === 0,
    )
    expect(cancelled).toMatchObject({
      status: 'cancelled',
      completed: true,
      mails: { cancelled: 2 },
      accounts: { cancelled: 2 },
    })
    expect(cancelled.finishedAt).not.toBeNull()
    expect(await pull(sessionId, 'retry', { mail: 'failed' })).toMatchObject({ status: 409 })
  })

  it('of two who press at once, one is refused or comes second, and every event has its person', async () => {
    const { data } = await start({
      selection: { ids: await app.activation.addLeads(2) },
      options: { startAt: later() },
    })
    const answers = await Promise.all(Array.from({ length: 10 }, () => pull(data.sessionId, 'pause')))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    const detail = await app.call<SessionDetail>('GET', `${sessions}/${data.sessionId}`)
    expect(detail.data.events.map(({ type, actor }) => [type, actor?.id])).toEqual([
      ['started', app.staff.admin.id],
      ['paused', app.staff.admin.id],
    ])
  })

  it('the commands of a session take no body that says something', async () => {
    const { data } = await start({
      selection: { ids: await app.activation.addLeads(1) },
      options: { startAt: later() },
    })
    expect((await pull(data.sessionId, 'pause', {})).status).toBe(200)
  })
})

describe('a retry', () => {
  it('a retry sends the failed mails of one reason again in the same session, as an event with its actor, and refuses where there are none', async () => {
    const ids = await app.activation.addLeads(4)
    smtp.script = (command, { line }) => {
      if (command !== 'RCPT') return undefined
      if (/person\.1@/i.test(line)) return '550 5.1.1 No such user'
      return /person\.2@/i.test(line) ? '550 5.7.1 We do not like you' : undefined
    }
    const { data } = await start({ selection: { ids } })
    const { sessionId } = data
    const first = await completed(sessionId)
    expect(first.mails).toMatchObject({ sent: 2, failed: 2 })
    smtp.script = () => undefined
    expect(await pull(sessionId, 'retry', { mail: 'unconfirmed' })).toMatchObject({
      status: 409,
      code: 'NOTHING_TO_RETRY',
    })
    expect(await pull(sessionId, 'retry', { mail: 'failed', reason: 'mailbox_full' })).toMatchObject({ status: 409 })
    const retried = await pull(sessionId, 'retry', { mail: 'failed', reason: 'address_refused' })
    expect(retried).toMatchObject({ status: 200, data: { completed: false } })
    const second = await until(
      () => progressOf(sessionId),
      (progress) => progress.completed,
    )
    expect(second.mails).toMatchObject({ sent: 3, failed: 1 })
    const detail = await app.call<SessionDetail>('GET', `${sessions}/${sessionId}`)
    expect(detail.data.events.find(({ type }) => type === 'retried')).toMatchObject({
      actor: { id: app.staff.admin.id, name: 'A admin' },
      details: { mail: 'failed', reason: 'address_refused', items: 1 },
    })
  })
})

describe('one session', () => {
  it('one session shows its progress, options, the selection as it was given, who started it and what happened', async () => {
    const ids = await app.activation.addLeads(2)
    const startAt = later()
    const { data } = await start({ selection: { ids }, options: { startAt, canary: 1, unconfirmed: 'resend' } })
    const { data: detail } = await app.call<SessionDetail>('GET', `${sessions}/${data.sessionId}`, { role: 'support' })
    expect(Value.Check(SessionDetail, detail)).toBe(true)
    expect(detail).toMatchObject({
      progress: data,
      options: { mail: true, remind: false, startAt, canary: 1, unconfirmed: 'resend' },
      selection: { ids },
      startedBy: { id: app.staff.admin.id, name: 'A admin' },
    })
    expect(detail.events.map(({ type }) => type)).toEqual(['started'])
  })
})

describe('the history', () => {
  it('the history is listed the newest first, page by page without gap or double, and narrowed by every filter', async () => {
    const begun = new Date()
    const made: string[] = []
    for (let each = 0; each < 7; each++) {
      const ids = await app.activation.addLeads(1)
      made.unshift((await start({ selection: { ids }, options: { startAt: later() } })).data.sessionId)
    }
    await pull(made[0]!, 'cancel')
    const list = (query: string) =>
      app.call<List<Progress>>('GET', `${sessions}?from=${begun.toISOString()}&${query}`, { role: 'support' })
    const seen: string[] = []
    let cursor: string | null = ''
    do {
      const page: List<Progress> = (await list(`limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`)).data
      expect(page.total).toBe(7)
      expect(page.items.every((item) => Value.Check(Progress, item))).toBe(true)
      seen.push(...page.items.map(({ sessionId }) => sessionId))
      cursor = page.nextCursor
    } while (cursor !== null)
    expect(seen).toEqual(made)
    const counts: [string, number][] = [
      ['active=true', 6],
      ['active=false', 1],
      ['status=cancelled', 1],
      ['status=scheduled', 6],
      ['status=held', 0],
      [`startedBy=${app.staff.admin.id}`, 7],
      ['startedBy=somebody', 0],
      [`to=${begun.toISOString()}`, 0],
      [`to=${new Date(Date.now() + 60_000).toISOString()}`, 7],
      [`q=${made[3]}`, 1],
      ['q=A%20ADMIN', 7],
      ['q=%25', 0],
      ['active=true&status=cancelled', 0],
    ]
    for (const [query, total] of counts) {
      const { data } = await list(query)
      expect.soft([query, data.total, data.items.length]).toEqual([query, total, total])
    }
  })
})
