import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Item, List, Progress, SessionDetail } from '@rollcall/shared'
import { actor, recounted, until } from '../../../test/app/activation.ts'
import { createTestApp, type App } from '../../../test/app/app.ts'
import {
  startScriptedSmtpServer,
  type SmtpReply,
  type ScriptedSmtpServer,
} from '../../../test/smtp/scripted-smtp-server.ts'
import { runCommand, retryMails, markMailsAsSent } from './commands.usecases.ts'

const asSent = { mail: 'unconfirmed', as: 'sent' } as const
const sessions = '/crm/activation/sessions'

describe('calling unconfirmed mails sent', () => {
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

  const settle = (sessionId: string, body: object = asSent, role: 'support' | 'admin' = 'admin') =>
    app.call<Progress>('POST', `${sessions}/${sessionId}/settle`, { body, role })

  /** Starts a session of which the answers to the first mails are lost, and the others are answered as given. */
  async function withLostAnswers(leads: number, lostAnswers: number, others?: SmtpReply): Promise<string> {
    let lost = 0
    smtp.script = (command) => (command !== 'DOT' ? undefined : lost++ < lostAnswers ? { drop: 'rst' } : others)
    const { sessionId } = await app.activation.start({ ids: await app.activation.addLeads(leads) })
    return sessionId
  }

  async function expectRecount(sessionId: string): Promise<void> {
    const { total, accounts, mails } = await app.activation.progress(sessionId)
    expect(await recounted(app.test, sessionId)).toEqual({ total, accounts, mails })
  }

  it('calling unconfirmed mails sent makes them sent in one version, says who did, and mails nobody again', async () => {
    const sessionId = await withLostAnswers(40, 3)
    const before = await app.activation.until(sessionId, ({ completed }) => completed)
    expect(before.mails).toMatchObject({ sent: 37, unconfirmed: 3 })
    const arrived = smtp.mails.length
    const progress = await markMailsAsSent(app.activation.deps, sessionId, asSent, actor)
    expect(progress).toMatchObject({
      version: before.version + 1,
      status: 'completed',
      finishedAt: before.finishedAt,
      mails: { sent: 40, unconfirmed: 0, pending: 0 },
    })
    await expectRecount(sessionId)
    const { data: items } = await app.call<List<Item>>('GET', `${sessions}/${sessionId}/items?limit=500`)
    const settled = items.items.filter(({ mail }) => mail.settledBy === 'person')
    expect(settled.map(({ mail }) => [mail.state, mail.reason])).toEqual([1, 2, 3].map(() => ['sent', null]))
    const { data: detail } = await app.call<SessionDetail>('GET', `${sessions}/${sessionId}`)
    expect(detail.events.find(({ type }) => type === 'settled')).toMatchObject({
      actor,
      details: { mail: 'unconfirmed', as: 'sent', items: 3 },
    })
    await expect(retryMails(app.activation.deps, sessionId, { mail: 'unconfirmed' }, actor)).rejects.toMatchObject({
      code: 'NOTHING_TO_RETRY',
    })
    expect(smtp.mails).toHaveLength(arrived)
  })

  it('calling unconfirmed mails sent answers an admin with the progress, and refuses where nothing is unconfirmed, support staff and what it does not know', async () => {
    const sessionId = await withLostAnswers(10, 1)
    await app.activation.until(sessionId, ({ completed }) => completed)
    expect(await settle(sessionId, asSent, 'support')).toMatchObject({ status: 403, code: 'FORBIDDEN' })
    expect(await settle(sessionId, { mail: 'unconfirmed', as: 'failed' })).toMatchObject({ status: 400 })
    expect(await settle(sessionId, { mail: 'failed', as: 'sent' })).toMatchObject({ status: 400 })
    expect(await settle('activation_1704123456789_nosuchone')).toMatchObject({
      status: 404,
      code: 'SESSION_NOT_FOUND',
    })
    expect(await settle(sessionId)).toMatchObject({ status: 200, data: { mails: { sent: 10, unconfirmed: 0 } } })
    expect(await settle(sessionId)).toMatchObject({ status: 409, code: 'NOTHING_TO_SETTLE' })
  })

  it('calling unconfirmed mails sent is possible in the middle of a session, and the rest of it goes on', async () => {
    const paused = Promise.withResolvers<void>()
    const sessionId = await withLostAnswers(200, 2, { after: paused.promise })
    await app.activation.until(sessionId, ({ mails }) => mails.unconfirmed === 2)
    await runCommand(app.activation.deps, 'pause', sessionId, actor)
    paused.resolve()
    expect(await settle(sessionId)).toMatchObject({
      status: 200,
      data: { status: 'paused', mails: { unconfirmed: 0 } },
    })
    await runCommand(app.activation.deps, 'resume', sessionId, actor)
    const done = await app.activation.until(sessionId, ({ completed }) => completed)
    expect(done.mails.sent).toBe(200)
    await expectRecount(sessionId)
  })

  it('calling unconfirmed mails sent is possible after a cancel, and leaves the session cancelled', async () => {
    const cancelled = Promise.withResolvers<void>()
    const sessionId = await withLostAnswers(30, 4, { after: cancelled.promise, reply: { drop: 'rst' } })
    await app.activation.until(sessionId, ({ mails }) => mails.unconfirmed > 0)
    await runCommand(app.activation.deps, 'cancel', sessionId, actor)
    cancelled.resolve()
    await app.activation.until(sessionId, ({ mails, accounts }) => mails.pending + accounts.pending === 0)
    expect(await settle(sessionId)).toMatchObject({
      status: 200,
      data: { status: 'cancelled', completed: true, mails: { unconfirmed: 0 } },
    })
    await expectRecount(sessionId)
  })

  it('unconfirmed mails are called sent once when several people press the button at once', async () => {
    const sessionId = await withLostAnswers(30, 2)
    const before = await app.activation.until(sessionId, ({ completed }) => completed)
    const answers = await Promise.all(Array.from({ length: 8 }, () => settle(sessionId)))
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, ...Array(7).fill(409)])
    const after = await until(
      () => app.activation.progress(sessionId),
      ({ mails }) => mails.unconfirmed === 0,
    )
    expect(after.version).toBe(before.version + 1)
    await expectRecount(sessionId)
  })
})
