import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { actor, template, until, type Activation } from '../../../test/app/activation.ts'
import type { TestDatabase } from '../../../test/database/database.ts'
import { startActivationWithMailServer } from '../../../test/smtp/activation-with-mail-server.ts'
import type { ScriptedSmtpServer } from '../../../test/smtp/scripted-smtp-server.ts'
import { pageOfItems } from '../history/item-list.usecases.ts'
import { sessionDetail } from '../history/session-detail.usecases.ts'
import { runCommand, retryMails } from './commands.usecases.ts'
import { startSession } from '../starting/start.usecases.ts'

describe('a session that is stopped', () => {
  let test: TestDatabase
  let activation: Activation
  let smtp: ScriptedSmtpServer

  beforeAll(async () => {
    const sending = await startActivationWithMailServer({ connections: 4 })
    ;({ test, activation, smtp } = sending)
    return sending.close
  })
  beforeEach(() => {
    smtp.script = () => undefined
    smtp.mails.length = 0
  })

  /** Waits until no chunk is claimed; the outcome of every mail that was tried is then stored. */
  const untilNobodyWorks = () =>
    until(
      async () => (await test.pool.query('SELECT 1 FROM chunks WHERE owner IS NOT NULL')).rows.length,
      (underWay) => underWay === 0,
    )

  it('a session sends nothing after the answer to a pause but what was past the gate, and everything after the resume', async () => {
    const ids = await activation.addLeads(200)
    smtp.script = (command) => (command === 'DOT' ? { delay: 20 } : undefined)
    const { sessionId } = await activation.start({ ids })
    await activation.until(sessionId, ({ mails }) => mails.sent >= 10)
    const paused = await runCommand(activation.deps, 'pause', sessionId, actor)
    expect(paused.status).toBe('paused')
    await until(
      async () => (await pageOfItems(test.database, sessionId, { mail: 'sending' })).total,
      (total) => total === 0,
    )
    const received = smtp.mails.length
    const { mails } = await activation.progress(sessionId)
    expect(mails.sent).toBe(received)
    expect(received).toBeLessThan(200)
    smtp.script = () => undefined
    await runCommand(activation.deps, 'resume', sessionId, actor)
    const done = await activation.until(sessionId, ({ completed }) => completed)
    expect(done.mails.sent).toBe(200)
    expect(smtp.mails).toHaveLength(200)
    const { events } = await sessionDetail(test.database, sessionId)
    expect(events.map(({ type }) => type)).toEqual(['started', 'running', 'paused', 'resumed', 'completed'])
  })

  it('a session ends every item when it is cancelled, and mails nobody after that', async () => {
    const ids = await activation.addLeads(200)
    smtp.script = (command) => (command === 'DOT' ? { delay: 20 } : undefined)
    const { sessionId } = await activation.start({ ids })
    await activation.until(sessionId, ({ mails }) => mails.sent >= 10)
    await runCommand(activation.deps, 'cancel', sessionId, actor)
    const done = await activation.until(
      sessionId,
      ({ mails, accounts }) => mails.pending === 0 && accounts.pending === 0,
    )
    expect(done.status).toBe('cancelled')
    expect(done.mails.sent + done.mails.cancelled).toBe(200)
    expect(smtp.mails).toHaveLength(done.mails.sent)
    await expect(runCommand(activation.deps, 'resume', sessionId, actor)).rejects.toMatchObject({
      code: 'NOT_POSSIBLE_NOW',
    })
  })

  it('a session holds after exactly the first mails that were asked for, and sends the rest after a resume', async () => {
    const ids = await activation.addLeads(60)
    smtp.script = (command) => (command === 'DOT' ? { delay: 5 } : undefined)
    const { sessionId } = await activation.start({ ids }, { canary: 7 })
    const held = await activation.until(sessionId, ({ status }) => status === 'held')
    expect(held).toMatchObject({ reason: 'canary', mails: { sent: 7, pending: 53 } })
    await until(
      async () => (await pageOfItems(test.database, sessionId, { mail: 'sending' })).total,
      (total) => total === 0,
    )
    expect(smtp.mails).toHaveLength(7)
    await runCommand(activation.deps, 'resume', sessionId, actor)
    const done = await activation.until(sessionId, ({ completed }) => completed)
    expect(done.mails.sent).toBe(60)
    const { events } = await sessionDetail(test.database, sessionId)
    expect(events.map(({ type }) => type)).toEqual(['started', 'running', 'held', 'resumed', 'completed'])
  })

  it('a session leaves nothing pending when it is cancelled while the mail server is about to ask for a later try', async () => {
    const ids = await activation.addLeads(8)
    smtp.script = (command) => (command === 'DOT' ? { delay: 200, reply: '451 4.3.0 later' } : undefined)
    const { sessionId } = await activation.start({ ids })
    await until(
      async () => (await pageOfItems(test.database, sessionId, { mail: 'sending' })).total,
      (total) => total > 0,
    )
    await runCommand(activation.deps, 'cancel', sessionId, actor)
    const done = await activation.until(sessionId, ({ mails }) => mails.pending === 0)
    expect(done.mails.cancelled).toBe(8)
  })

  it('a session holds when more than the set share of its mails fails, and goes on when a person has seen it', async () => {
    const ids = await activation.addLeads(150)
    smtp.script = (command, { mail }) =>
      command === 'RCPT' && mail % 2 === 0 ? '550 5.1.1 No such user here' : undefined
    const { progress } = await startSession(
      activation.deps,
      { selection: { ids } },
      { actor, template: { ...template, failureShare: 0.4 } },
    )
    const held = await activation.until(progress.sessionId, ({ status }) => status === 'held')
    expect(held.reason).toBe('too_many_failures')
    expect(held.mails.pending).toBeGreaterThan(0)
    smtp.script = () => undefined
    await runCommand(activation.deps, 'resume', progress.sessionId, actor)
    const done = await activation.until(progress.sessionId, ({ completed }) => completed)
    expect(done.mails.sent + done.mails.failed).toBe(150)
  })

  it('a session counts the failures anew after a person has gone on, and holds again when too many fail since', async () => {
    const ids = await activation.addLeads(260)
    smtp.script = (command) => (command === 'RCPT' ? '550 5.1.1 No such user here' : undefined)
    const { progress } = await startSession(
      activation.deps,
      { selection: { ids } },
      { actor, template: { ...template, failureShare: 0.9 } },
    )
    const { sessionId } = progress
    const first = await activation.until(sessionId, ({ status }) => status === 'held')
    await runCommand(activation.deps, 'resume', sessionId, actor)
    const second = await activation.until(sessionId, ({ status }) => status === 'held')
    expect(second.mails.failed).toBeGreaterThanOrEqual(first.mails.failed + 50)
    // The outcomes of the last refused mails are stored after the hold.
    await untilNobodyWorks()
    await retryMails(activation.deps, sessionId, { mail: 'failed' }, actor)
    expect((await activation.progress(sessionId)).mails.failed).toBe(0)
    await runCommand(activation.deps, 'resume', sessionId, actor)
    const third = await activation.until(sessionId, ({ status }) => status === 'held')
    expect(third).toMatchObject({ reason: 'too_many_failures', mails: { sent: 0 } })
  })

  async function expectNobodyTriedAfterPause(reply: string): Promise<void> {
    const ids = await activation.addLeads(400)
    smtp.script = (command) => (command === 'RCPT' ? { delay: 5, reply } : undefined)
    const { progress } = await startSession(activation.deps, { selection: { ids } }, { actor, template })
    const { sessionId } = progress
    const tried = async () =>
      (await test.pool.query('SELECT 1 FROM items WHERE session_id = $1 AND tries > 0', [sessionId])).rows.length
    await until(tried, (count) => count >= 10)
    await runCommand(activation.deps, 'pause', sessionId, actor)
    const atPause = await tried()
    await untilNobodyWorks()
    // Each of four connections had one mail under way, and began one more before it was told of the pause with the outcome of the first.
    expect(await tried()).toBeLessThanOrEqual(atPause + 2 * 4)
    await runCommand(activation.deps, 'cancel', sessionId, actor)
  }

  it('a session that is paused tries nobody else, also where the mail server says 550 5.1.1 before the gate', () =>
    expectNobodyTriedAfterPause('550 5.1.1 No such user here'))

  it('a session that is paused tries nobody else, also where the mail server says 450 4.2.0 before the gate', () =>
    expectNobodyTriedAfterPause('450 4.2.0 Try again'))
})
