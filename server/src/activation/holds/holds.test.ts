import { describe, expect, it } from 'vitest'
import { actor, until } from '../../../test/app/activation.ts'
import { useActivationWithMailServer } from '../../../test/smtp/activation-with-mail-server.ts'
import { sessionDetail } from '../history/session-detail.usecases.ts'
import { runCommand } from '../commands/commands.usecases.ts'

describe('a mail server that cannot be used', () => {
  const fixture = useActivationWithMailServer({ connections: 4, workers: 2, signsIn: true })

  it('a mail server that cannot be used holds every session that wants to send, is tried by one node with one connection, and all go on by themselves', async () => {
    const first = await fixture.activation.start({ ids: await fixture.activation.addLeads(20) })
    await fixture.activation.until(first.sessionId, ({ completed }) => completed)
    await fixture.smtp.stop()
    const down = await fixture.activation.start({ ids: await fixture.activation.addLeads(30) })
    const held = await fixture.activation.until(down.sessionId, ({ status }) => status === 'held')
    expect(held).toMatchObject({ reason: 'mail_server_down', mails: { failed: 0, unconfirmed: 0 } })
    const other = await fixture.activation.start({ ids: await fixture.activation.addLeads(10) })
    await fixture.activation.until(other.sessionId, ({ status }) => status === 'held')
    const { rows } = await fixture.test.pool.query<{ probe_seconds: number }>(
      'SELECT probe_seconds FROM mail_server_holds',
    )
    expect(rows).toHaveLength(1)
    const before = fixture.smtp.totalConnections
    await fixture.smtp.start()
    await fixture.test.pool.query('UPDATE mail_server_holds SET next_probe_at = now()')
    const done = await fixture.activation.until(down.sessionId, ({ completed }) => completed)
    await fixture.activation.until(other.sessionId, ({ completed }) => completed)
    expect(done.mails).toMatchObject({ sent: 30, failed: 0 })
    expect(fixture.smtp.totalConnections - before).toBeLessThanOrEqual(1 + 2 * 4)
    const { events } = await sessionDetail(fixture.test.database, down.sessionId)
    const types = events.map(({ type }) => type)
    expect(types.slice(-3)).toEqual(['held', 'resumed', 'completed'])
    expect(events.find(({ type }) => type === 'resumed')?.actor).toBeNull()
  })

  it('a mail server that cannot be used is not tried again by itself when it refuses the sign-in, but as soon as a person resumes', async () => {
    fixture.smtp.script = (command) => (command === 'AUTH' ? '535 5.7.8 wrong password' : undefined)
    fixture.smtp.say('421 4.3.2 closing')
    const tried = fixture.smtp.commands.length
    // The session has more chunks than are run at once, so a hold must stop those that begin later as well.
    const { sessionId } = await fixture.activation.start({ ids: await fixture.activation.addLeads(2600) })
    const held = await fixture.activation.until(sessionId, ({ status }) => status === 'held')
    expect(held).toMatchObject({ reason: 'mail_sign_in_refused', mails: { failed: 0, pending: 2600 } })
    const { events } = await sessionDetail(fixture.test.database, sessionId)
    expect(events.findLast(({ type }) => type === 'held')?.cause).toContain('wrong password')
    await until(
      async () => (await fixture.test.pool.query('SELECT 1 FROM chunks WHERE owner IS NOT NULL')).rows.length,
      (underWay) => underWay === 0,
    )
    const connections = fixture.smtp.totalConnections
    await fixture.test.pool.query('UPDATE mail_server_holds SET next_probe_at = now()')
    fixture.smtp.script = () => undefined
    await expect.poll(() => fixture.smtp.openConnections, { timeout: 5000 }).toBe(0)
    expect(fixture.smtp.totalConnections).toBe(connections)
    // Two nodes with four connections each had sign-ins under way when the first was refused.
    expect(
      fixture.smtp.commands.slice(tried).filter((command) => command.startsWith('AUTH')).length,
    ).toBeLessThanOrEqual(8)
    await runCommand(fixture.activation.deps, 'resume', sessionId, actor)
    const done = await fixture.activation.until(sessionId, ({ completed }) => completed)
    expect(done.mails.sent).toBe(2600)
    await until(
      async () => (await fixture.test.pool.query('SELECT 1 FROM mail_server_holds')).rows.length,
      (held) => held === 0,
    )
  })
})
