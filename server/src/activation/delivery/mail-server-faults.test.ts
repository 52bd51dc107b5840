import { describe, expect, it } from 'vitest'
import { actor, until } from '../../../test/app/activation.ts'
import { at, useFaultFixture } from '../../../test/simulation/fault-fixture.ts'
import { makeRetriesDue } from '../../../test/simulation/invariants.ts'
import type { SmtpCommand } from '../../../test/smtp/scripted-smtp-server.ts'
import { runCommand, retryMails } from '../commands/commands.usecases.ts'

const fixture = useFaultFixture()

describe('a mail server that takes nothing', () => {
  const many = 60
  /** The most connections that are tried: two fail at the same time, and each of three chunks runs once. */
  const fewAttempts = 20

  async function expectHeldUntilWell(command: SmtpCommand, reply: string): Promise<void> {
    const sessionId = await fixture.run(at(command, reply, 'always'), { leads: many })
    await expectHeldAndNothingLost(sessionId, 'mail_server_down')
    const attempts = fixture.smtp.totalConnections
    expect(attempts).toBeGreaterThanOrEqual(5)
    expect(attempts).toBeLessThanOrEqual(fewAttempts)
    await makeRetriesDue(fixture.test)
    await until(
      async () => fixture.smtp.totalConnections,
      (total) => total > attempts,
    )
    expect(await fixture.activation.progress(sessionId)).toMatchObject({ status: 'held' })
    fixture.smtp.script = () => undefined
    expect((await fixture.untilCompletedWithRetriesDue(sessionId)).mails.sent).toBe(many)
    await fixture.expectAllSentAtFirstTry(sessionId)
    const types = (await fixture.events(sessionId)).map(({ type }) => type)
    expect(types).toEqual(['started', 'running', 'held', 'resumed', 'completed'])
  }

  it('a mail server that greets with 554 holds the session after a few attempts; it goes on by itself when the server is well again', () =>
    expectHeldUntilWell('GREETING', '554 5.3.2 Not today'))

  it('a mail server that answers EHLO with 550 holds the session after a few attempts; it goes on by itself when the server is well again', () =>
    expectHeldUntilWell('EHLO', '550 5.7.1 Go away'))

  it('a mail server that refuses connections holds the session, which goes on by itself when it listens again', async () => {
    await fixture.smtp.stop()
    const sessionId = await fixture.run(() => undefined, { leads: many })
    await expectHeldAndNothingLost(sessionId, 'mail_server_down')
    await fixture.smtp.start()
    expect((await fixture.untilCompletedWithRetriesDue(sessionId)).mails.sent).toBe(many)
    await fixture.expectAllSentAtFirstTry(sessionId)
  })

  async function expectHeldWithoutFailures(url: string): Promise<void> {
    const script = at('STARTTLS', '454 4.7.0 TLS not available', 'always')
    const sessionId = await fixture.run(script, { leads: many, url })
    await expectHeldAndNothingLost(sessionId, 'mail_server_down')
    expect(fixture.smtp.totalConnections).toBeLessThanOrEqual(fewAttempts)
  }

  it('a mail server whose name is unknown holds the session, and no mail fails', () =>
    expectHeldWithoutFailures('smtp://nowhere.invalid:25?connections=2'))

  it('a mail server that does not speak TLS holds the session, and no mail fails', () =>
    expectHeldWithoutFailures(fixture.plain().replace('smtp:', 'smtps:').replace('&ignoreTLS=true', '')))

  it('a mail server that has no STARTTLS holds the session, and no mail fails', () =>
    expectHeldWithoutFailures(fixture.plain().replace('ignoreTLS', 'requireTLS')))

  it('a mail server that refuses the sign-in holds the session at once, and does not try again by itself', async () => {
    const sessionId = await fixture.run(at('AUTH', '535 5.7.8 Wrong password', 'always'), {
      leads: many,
      url: fixture.signedIn(),
    })
    await expectHeldAndNothingLost(sessionId, 'mail_sign_in_refused')
    await until(
      async () => (await fixture.test.pool.query('SELECT 1 FROM chunks WHERE owner IS NOT NULL')).rowCount,
      (held) => held === 0,
    )
    const attempts = fixture.smtp.totalConnections
    expect(attempts).toBeLessThanOrEqual(6)
    await makeRetriesDue(fixture.test)
    const other = await fixture.activation.start({ ids: await fixture.activation.addLeads(1) })
    await fixture.untilHeld(other.sessionId)
    expect(fixture.smtp.totalConnections).toBe(attempts)
    fixture.smtp.script = () => undefined
    await runCommand(fixture.activation.deps, 'resume', sessionId, actor)
    await fixture.untilCompleted(sessionId)
    await runCommand(fixture.activation.deps, 'resume', other.sessionId, actor).catch(() => undefined)
    expect((await fixture.untilCompleted(other.sessionId)).mails.sent).toBe(1)
  })

  async function expectHeldAndNothingLost(sessionId: string, reason: string): Promise<void> {
    const stopped = await fixture.untilHeld(sessionId)
    expect(stopped).toMatchObject({ reason, mails: { sent: 0, failed: 0, unconfirmed: 0, pending: many } })
    const all = await fixture.items(sessionId)
    expect(all.every(({ mail }) => mail.tries === 0 && mail.state === 'pending')).toBe(true)
    expect((await fixture.events(sessionId)).at(-1)?.cause).toMatch(/\w/)
    expect(fixture.smtp.mails).toEqual([])
  }
})

describe('a mail server with limits of its own', () => {
  it('a mail server that takes two connections and answers 421 to more gets everything over at most two, without being called again and again', async () => {
    fixture.smtp.maximumConnections = 2
    const first = await fixture.run((command) => (command === 'DOT' ? { delay: 5 } : undefined), {
      leads: 80,
      url: fixture.plain(8),
    })
    await fixture.expectAllSentAtFirstTry(first)
    expect(fixture.smtp.mostConnections).toBeLessThanOrEqual(2)
    const before = fixture.smtp.totalConnections
    const second = await fixture.activation.start({ ids: await fixture.activation.addLeads(80) })
    expect((await fixture.untilCompleted(second.sessionId)).mails.sent).toBe(80)
    expect(fixture.smtp.totalConnections - before).toBeLessThanOrEqual(2)
  })

  it('a mail server that refuses five different people in a row after the dot has the session held, and a person decides', async () => {
    const sessionId = await fixture.run(at('DOT', '554 5.7.1 Looks like spam', 'always'), { leads: 20 })
    const stopped = await fixture.untilHeld(sessionId)
    expect(stopped.reason).toBe('too_many_failures')
    const withoutInFlight = await until(
      () => fixture.items(sessionId),
      (all) => all.every(({ mail }) => mail.state !== 'sending'),
    )
    const refused = withoutInFlight.filter(({ mail }) => mail.state === 'failed')
    expect(refused.length).toBeGreaterThanOrEqual(5)
    expect(refused.length).toBeLessThanOrEqual(6)
    expect(refused.every(({ mail }) => mail.reason === 'refused' && mail.reply?.includes('Looks like spam'))).toBe(true)
    expect(fixture.smtp.mails).toEqual([])
    fixture.smtp.script = () => undefined
    await runCommand(fixture.activation.deps, 'resume', sessionId, actor)
    await fixture.untilCompleted(sessionId)
    await retryMails(fixture.activation.deps, sessionId, { mail: 'failed' }, actor)
    await fixture.expectAllSentAtFirstTry(sessionId)
  })
})
