import { describe, expect, it } from 'vitest'
import { actor, until } from '../../../test/app/activation.ts'
import { at, useFaultFixture } from '../../../test/simulation/fault-fixture.ts'
import { makeRetriesDue } from '../../../test/simulation/invariants.ts'
import type { SmtpCommand } from '../../../test/smtp/scripted-smtp-server.ts'
import { runCommand, retryMails } from '../commands/commands.usecases.ts'

const bench = useFaultFixture()

describe('a mail server that takes nothing', () => {
  const many = 60
  /** Two connections fail at the same time, and each of three chunks runs once. */
  const fewAttempts = 20

  async function expectHeldUntilWell(command: SmtpCommand, reply: string): Promise<void> {
    const sessionId = await bench.run(at(command, reply, 'always'), { leads: many })
    await expectHeldAndNothingLost(sessionId, 'mail_server_down')
    const attempts = bench.smtp.totalConnections
    expect(attempts).toBeGreaterThanOrEqual(5)
    expect(attempts).toBeLessThanOrEqual(fewAttempts)
    await makeRetriesDue(bench.test)
    await until(
      async () => bench.smtp.totalConnections,
      (total) => total > attempts,
    )
    expect(await bench.activation.progress(sessionId)).toMatchObject({ status: 'held' })
    bench.smtp.script = () => undefined
    expect((await bench.untilCompletedWithRetriesDue(sessionId)).mails.sent).toBe(many)
    await bench.expectAllSentAtFirstTry(sessionId)
    const types = (await bench.events(sessionId)).map(({ type }) => type)
    expect(types).toEqual(['started', 'running', 'held', 'resumed', 'completed'])
  }

  it('a mail server that greets with 554 holds the session after a few attempts; it goes on by itself when the server is well again', () =>
    expectHeldUntilWell('GREETING', '554 5.3.2 Not today'))

  it('a mail server that answers EHLO with 550 holds the session after a few attempts; it goes on by itself when the server is well again', () =>
    expectHeldUntilWell('EHLO', '550 5.7.1 Go away'))

  it('a mail server that refuses connections holds the session, which goes on by itself when it listens again', async () => {
    await bench.smtp.stop()
    const sessionId = await bench.run(() => undefined, { leads: many })
    await expectHeldAndNothingLost(sessionId, 'mail_server_down')
    await bench.smtp.start()
    expect((await bench.untilCompletedWithRetriesDue(sessionId)).mails.sent).toBe(many)
    await bench.expectAllSentAtFirstTry(sessionId)
  })

  async function expectHeldWithoutFailures(url: string): Promise<void> {
    const script = at('STARTTLS', '454 4.7.0 TLS not available', 'always')
    const sessionId = await bench.run(script, { leads: many, url })
    await expectHeldAndNothingLost(sessionId, 'mail_server_down')
    expect(bench.smtp.totalConnections).toBeLessThanOrEqual(fewAttempts)
  }

  it('a mail server whose name is unknown holds the session, and no mail fails', () =>
    expectHeldWithoutFailures('smtp://nowhere.invalid:25?connections=2'))

  it('a mail server that does not speak TLS holds the session, and no mail fails', () =>
    expectHeldWithoutFailures(bench.plain().replace('smtp:', 'smtps:').replace('&ignoreTLS=true', '')))

  it('a mail server that has no STARTTLS holds the session, and no mail fails', () =>
    expectHeldWithoutFailures(bench.plain().replace('ignoreTLS', 'requireTLS')))

  it('a mail server that refuses the sign-in holds the session at once, and does not try again by itself', async () => {
    const sessionId = await bench.run(at('AUTH', '535 5.7.8 Wrong password', 'always'), {
      leads: many,
      url: bench.signedIn(),
    })
    await expectHeldAndNothingLost(sessionId, 'mail_sign_in_refused')
    await until(
      async () => (await bench.test.pool.query('SELECT 1 FROM chunks WHERE owner IS NOT NULL')).rowCount,
      (held) => held === 0,
    )
    const attempts = bench.smtp.totalConnections
    expect(attempts).toBeLessThanOrEqual(6)
    await makeRetriesDue(bench.test)
    const other = await bench.activation.start({ ids: await bench.activation.addLeads(1) })
    await bench.untilHeld(other.sessionId)
    expect(bench.smtp.totalConnections).toBe(attempts)
    bench.smtp.script = () => undefined
    await runCommand(bench.activation.deps, 'resume', sessionId, actor)
    await bench.untilCompleted(sessionId)
    await runCommand(bench.activation.deps, 'resume', other.sessionId, actor).catch(() => undefined)
    expect((await bench.untilCompleted(other.sessionId)).mails.sent).toBe(1)
  })

  async function expectHeldAndNothingLost(sessionId: string, reason: string): Promise<void> {
    const stopped = await bench.untilHeld(sessionId)
    expect(stopped).toMatchObject({ reason, mails: { sent: 0, failed: 0, unconfirmed: 0, pending: many } })
    const all = await bench.items(sessionId)
    expect(all.every(({ mail }) => mail.tries === 0 && mail.state === 'pending')).toBe(true)
    expect((await bench.events(sessionId)).at(-1)?.cause).toMatch(/\w/)
    expect(bench.smtp.mails).toEqual([])
  }
})

describe('a mail server with limits of its own', () => {
  it('a mail server that takes two connections and answers 421 to more gets everything over at most two, without being called again and again', async () => {
    bench.smtp.maximumConnections = 2
    const first = await bench.run((command) => (command === 'DOT' ? { delay: 5 } : undefined), {
      leads: 80,
      url: bench.plain(8),
    })
    await bench.expectAllSentAtFirstTry(first)
    expect(bench.smtp.mostConnections).toBeLessThanOrEqual(2)
    const before = bench.smtp.totalConnections
    const second = await bench.activation.start({ ids: await bench.activation.addLeads(80) })
    expect((await bench.untilCompleted(second.sessionId)).mails.sent).toBe(80)
    expect(bench.smtp.totalConnections - before).toBeLessThanOrEqual(2)
  })

  it('a mail server that refuses five different people in a row after the dot has the session held, and a person decides', async () => {
    const sessionId = await bench.run(at('DOT', '554 5.7.1 Looks like spam', 'always'), { leads: 20 })
    const stopped = await bench.untilHeld(sessionId)
    expect(stopped.reason).toBe('too_many_failures')
    const withoutInFlight = await until(
      () => bench.items(sessionId),
      (all) => all.every(({ mail }) => mail.state !== 'sending'),
    )
    const refused = withoutInFlight.filter(({ mail }) => mail.state === 'failed')
    expect(refused.length).toBeGreaterThanOrEqual(5)
    expect(refused.length).toBeLessThanOrEqual(6)
    expect(refused.every(({ mail }) => mail.reason === 'refused' && mail.reply?.includes('Looks like spam'))).toBe(true)
    expect(bench.smtp.mails).toEqual([])
    bench.smtp.script = () => undefined
    await runCommand(bench.activation.deps, 'resume', sessionId, actor)
    await bench.untilCompleted(sessionId)
    await retryMails(bench.activation.deps, sessionId, { mail: 'failed' }, actor)
    await bench.expectAllSentAtFirstTry(sessionId)
  })
})
