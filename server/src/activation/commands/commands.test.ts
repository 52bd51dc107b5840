import { describe, expect, it } from 'vitest'
import { actor, template, until } from '../../../test/app/activation.ts'
import { useActivationWithMailServer } from '../../../test/smtp/activation-with-mail-server.ts'
import { pageOfItems } from '../history/item-list.usecases.ts'
import { sessionDetail } from '../history/session-detail.usecases.ts'
import { runCommand, retryMails } from './commands.usecases.ts'
import { startSession } from '../starting/start.usecases.ts'

describe('a session that is stopped', () => {
  const fixture = useActivationWithMailServer({ connections: 4 })

  /** Waits until no chunk is claimed; the outcome of every mail that was tried is then stored. */
  const untilNobodyWorks = () =>
    until(
      async () => (await fixture.test.pool.query('SELECT 1 FROM chunks WHERE owner IS NOT NULL')).rows.length,
      (underWay) => underWay === 0,
    )

  it('a session sends nothing after the answer to a pause but what was past the gate, and everything after the resume', async () => {
    const ids = await fixture.activation.addLeads(200)
    fixture.smtp.script = (command) => (command === 'DOT' ? { delay: 20 } : undefined)
    const { sessionId } = await fixture.activation.start({ ids })
    await fixture.activation.until(sessionId, ({ mails }) => mails.sent >= 10)
    const paused = await runCommand(fixture.activation.deps, 'pause', sessionId, actor)
    expect(paused.status).toBe('paused')
    await until(
      async () => (await pageOfItems(fixture.test.database, sessionId, { mail: 'sending' })).total,
      (total) => total === 0,
    )
    const received = fixture.smtp.mails.length
    const { mails } = await fixture.activation.progress(sessionId)
    expect(mails.sent).toBe(received)
    expect(received).toBeLessThan(200)
    fixture.smtp.script = () => undefined
    await runCommand(fixture.activation.deps, 'resume', sessionId, actor)
    const done = await fixture.activation.until(sessionId, ({ completed }) => completed)
    expect(done.mails.sent).toBe(200)
    expect(fixture.smtp.mails).toHaveLength(200)
    const { events } = await sessionDetail(fixture.test.database, sessionId)
    expect(events.map(({ type }) => type)).toEqual(['started', 'running', 'paused', 'resumed', 'completed'])
  })

  it('a session ends every item when it is cancelled, and mails nobody after that', async () => {
    const ids = await fixture.activation.addLeads(200)
    fixture.smtp.script = (command) => (command === 'DOT' ? { delay: 20 } : undefined)
    const { sessionId } = await fixture.activation.start({ ids })
    await fixture.activation.until(sessionId, ({ mails }) => mails.sent >= 10)
    await runCommand(fixture.activation.deps, 'cancel', sessionId, actor)
    const done = await fixture.activation.until(
      sessionId,
      ({ mails, accounts }) => mails.pending === 0 && accounts.pending === 0,
    )
    expect(done.status).toBe('cancelled')
    expect(done.mails.sent + done.mails.cancelled).toBe(200)
    expect(fixture.smtp.mails).toHaveLength(done.mails.sent)
    await expect(runCommand(fixture.activation.deps, 'resume', sessionId, actor)).rejects.toMatchObject({
      code: 'NOT_POSSIBLE_NOW',
    })
  })

  it('a session holds after exactly the first mails that were asked for, and sends the rest after a resume', async () => {
    const ids = await fixture.activation.addLeads(60)
    fixture.smtp.script = (command) => (command === 'DOT' ? { delay: 5 } : undefined)
    const { sessionId } = await fixture.activation.start({ ids }, { canary: 7 })
    const held = await fixture.activation.until(sessionId, ({ status }) => status === 'held')
    expect(held).toMatchObject({ reason: 'canary', mails: { sent: 7, pending: 53 } })
    await until(
      async () => (await pageOfItems(fixture.test.database, sessionId, { mail: 'sending' })).total,
      (total) => total === 0,
    )
    expect(fixture.smtp.mails).toHaveLength(7)
    await runCommand(fixture.activation.deps, 'resume', sessionId, actor)
    const done = await fixture.activation.until(sessionId, ({ completed }) => completed)
    expect(done.mails.sent).toBe(60)
    const { events } = await sessionDetail(fixture.test.database, sessionId)
    expect(events.map(({ type }) => type)).toEqual(['started', 'running', 'held', 'resumed', 'completed'])
  })

  it('a session leaves nothing pending when it is cancelled while the mail server is about to ask for a later try', async () => {
    const ids = await fixture.activation.addLeads(8)
    fixture.smtp.script = (command) => (command === 'DOT' ? { delay: 200, reply: '451 4.3.0 later' } : undefined)
    const { sessionId } = await fixture.activation.start({ ids })
    await until(
      async () => (await pageOfItems(fixture.test.database, sessionId, { mail: 'sending' })).total,
      (total) => total > 0,
    )
    await runCommand(fixture.activation.deps, 'cancel', sessionId, actor)
    const done = await fixture.activation.until(sessionId, ({ mails }) => mails.pending === 0)
    expect(done.mails.cancelled).toBe(8)
  })

  it('a session holds when more than the set share of its mails fails, and goes on when a person has seen it', async () => {
    const ids = await fixture.activation.addLeads(150)
    fixture.smtp.script = (command, { mail }) =>
      command === 'RCPT' && mail % 2 === 0 ? '550 5.1.1 No such user here' : undefined
    const { progress } = await startSession(
      fixture.activation.deps,
      { selection: { ids } },
      { actor, template: { ...template, failureShare: 0.4 } },
    )
    const held = await fixture.activation.until(progress.sessionId, ({ status }) => status === 'held')
    expect(held.reason).toBe('too_many_failures')
    expect(held.mails.pending).toBeGreaterThan(0)
    fixture.smtp.script = () => undefined
    await runCommand(fixture.activation.deps, 'resume', progress.sessionId, actor)
    const done = await fixture.activation.until(progress.sessionId, ({ completed }) => completed)
    expect(done.mails.sent + done.mails.failed).toBe(150)
  })

  it('a session counts the failures anew after a person has gone on, and holds again when too many fail since', async () => {
    const ids = await fixture.activation.addLeads(260)
    fixture.smtp.script = (command) => (command === 'RCPT' ? '550 5.1.1 No such user here' : undefined)
    const { progress } = await startSession(
      fixture.activation.deps,
      { selection: { ids } },
      { actor, template: { ...template, failureShare: 0.9 } },
    )
    const { sessionId } = progress
    const first = await fixture.activation.until(sessionId, ({ status }) => status === 'held')
    await runCommand(fixture.activation.deps, 'resume', sessionId, actor)
    const second = await fixture.activation.until(sessionId, ({ status }) => status === 'held')
    expect(second.mails.failed).toBeGreaterThanOrEqual(first.mails.failed + 50)
    // The outcomes of the last refused mails are stored after the hold.
    await untilNobodyWorks()
    await retryMails(fixture.activation.deps, sessionId, { mail: 'failed' }, actor)
    expect((await fixture.activation.progress(sessionId)).mails.failed).toBe(0)
    await runCommand(fixture.activation.deps, 'resume', sessionId, actor)
    const third = await fixture.activation.until(sessionId, ({ status }) => status === 'held')
    expect(third).toMatchObject({ reason: 'too_many_failures', mails: { sent: 0 } })
  })

  async function expectNobodyTriedAfterPause(reply: string): Promise<void> {
    const ids = await fixture.activation.addLeads(400)
    fixture.smtp.script = (command) => (command === 'RCPT' ? { delay: 5, reply } : undefined)
    const { progress } = await startSession(fixture.activation.deps, { selection: { ids } }, { actor, template })
    const { sessionId } = progress
    const tried = async () =>
      (await fixture.test.pool.query('SELECT 1 FROM items WHERE session_id = $1 AND tries > 0', [sessionId])).rows
        .length
    await until(tried, (count) => count >= 10)
    await runCommand(fixture.activation.deps, 'pause', sessionId, actor)
    const atPause = await tried()
    await untilNobodyWorks()
    // Each of four connections had one mail under way, and began one more before it was told of the pause with the outcome of the first.
    expect(await tried()).toBeLessThanOrEqual(atPause + 2 * 4)
    await runCommand(fixture.activation.deps, 'cancel', sessionId, actor)
  }

  it('a session that is paused tries nobody else, also where the mail server says 550 5.1.1 before the gate', () =>
    expectNobodyTriedAfterPause('550 5.1.1 No such user here'))

  it('a session that is paused tries nobody else, also where the mail server says 450 4.2.0 before the gate', () =>
    expectNobodyTriedAfterPause('450 4.2.0 Try again'))
})
