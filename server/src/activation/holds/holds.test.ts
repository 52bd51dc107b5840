import { beforeAll, describe, expect, it } from 'vitest'
import { actor, until, type Activation } from '../../../test/app/activation.ts'
import type { TestDatabase } from '../../../test/database/database.ts'
import { startActivationWithMailServer } from '../../../test/smtp/activation-with-mail-server.ts'
import type { ScriptedSmtpServer } from '../../../test/smtp/scripted-smtp-server.ts'
import { sessionDetail } from '../history/session-detail.usecases.ts'
import { runCommand } from '../commands/commands.usecases.ts'

describe('a mail server that cannot be used', () => {
  let test: TestDatabase
  let activation: Activation
  let smtp: ScriptedSmtpServer

  beforeAll(async () => {
    const sending = await startActivationWithMailServer({ connections: 4, workers: 2, signsIn: true })
    ;({ test, activation, smtp } = sending)
    return sending.close
  })

  it('a mail server that cannot be used holds every session that wants to send, is tried by one node with one connection, and all go on by themselves', async () => {
    const first = await activation.start({ ids: await activation.addLeads(20) })
    await activation.until(first.sessionId, ({ completed }) => completed)
    await smtp.stop()
    const down = await activation.start({ ids: await activation.addLeads(30) })
    const held = await activation.until(down.sessionId, ({ status }) => status === 'held')
    expect(held).toMatchObject({ reason: 'mail_server_down', mails: { failed: 0, unconfirmed: 0 } })
    const other = await activation.start({ ids: await activation.addLeads(10) })
    await activation.until(other.sessionId, ({ status }) => status === 'held')
    const { rows } = await test.pool.query<{ probe_seconds: number }>('SELECT probe_seconds FROM mail_server_holds')
    expect(rows).toHaveLength(1)
    const before = smtp.totalConnections
    await smtp.start()
    await test.pool.query('UPDATE mail_server_holds SET next_probe_at = now()')
    const done = await activation.until(down.sessionId, ({ completed }) => completed)
    await activation.until(other.sessionId, ({ completed }) => completed)
    expect(done.mails).toMatchObject({ sent: 30, failed: 0 })
    expect(smtp.totalConnections - before).toBeLessThanOrEqual(1 + 2 * 4)
    const { events } = await sessionDetail(test.database, down.sessionId)
    const types = events.map(({ type }) => type)
    expect(types.slice(-3)).toEqual(['held', 'resumed', 'completed'])
    expect(events.find(({ type }) => type === 'resumed')?.actor).toBeNull()
  })

  it('a mail server that cannot be used is not tried again by itself when it refuses the sign-in, but as soon as a person resumes', async () => {
    smtp.script = (command) => (command === 'AUTH' ? '535 5.7.8 wrong password' : undefined)
    smtp.say('421 4.3.2 closing')
    const tried = smtp.commands.length
    // The session has more chunks than are run at once, so a hold must stop those that begin later as well.
    const { sessionId } = await activation.start({ ids: await activation.addLeads(2600) })
    const held = await activation.until(sessionId, ({ status }) => status === 'held')
    expect(held).toMatchObject({ reason: 'mail_sign_in_refused', mails: { failed: 0, pending: 2600 } })
    const { events } = await sessionDetail(test.database, sessionId)
    expect(events.findLast(({ type }) => type === 'held')?.cause).toContain('wrong password')
    await until(
      async () => (await test.pool.query('SELECT 1 FROM chunks WHERE owner IS NOT NULL')).rows.length,
      (underWay) => underWay === 0,
    )
    const connections = smtp.totalConnections
    await test.pool.query('UPDATE mail_server_holds SET next_probe_at = now()')
    smtp.script = () => undefined
    await expect.poll(() => smtp.openConnections, { timeout: 5000 }).toBe(0)
    expect(smtp.totalConnections).toBe(connections)
    // Two nodes with four connections each had sign-ins under way when the first was refused.
    expect(smtp.commands.slice(tried).filter((command) => command.startsWith('AUTH')).length).toBeLessThanOrEqual(8)
    await runCommand(activation.deps, 'resume', sessionId, actor)
    const done = await activation.until(sessionId, ({ completed }) => completed)
    expect(done.mails.sent).toBe(2600)
    await until(
      async () => (await test.pool.query('SELECT 1 FROM mail_server_holds')).rows.length,
      (held) => held === 0,
    )
  })
})
