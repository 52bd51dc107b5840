import { describe, expect, it } from 'vitest'
import { actor } from '../../../test/app/activation.ts'
import { at, useFaultFixture } from '../../../test/simulation/fault-fixture.ts'
import { expectInvariants } from '../../../test/simulation/invariants.ts'
import type { SmtpCommand } from '../../../test/smtp/scripted-smtp-server.ts'
import { runCommand } from '../commands/commands.usecases.ts'

const fixture = useFaultFixture()
const leads = 4
const minute = 60_000
const hour = 60 * minute

describe('an answer that the mail server gives once', () => {
  function runWith(command: SmtpCommand, answer: string): Promise<string> {
    return fixture.run(at(command, answer), { url: command === 'AUTH' ? fixture.signedIn() : fixture.plain() })
  }

  async function expectSentLater(command: SmtpCommand, answer: string): Promise<void> {
    await fixture.expectAllSentAtFirstTry(await runWith(command, answer))
  }

  /** Expects that the session is held with nothing failed and no try used, and that a resume sends everything once. */
  async function expectHeld(command: SmtpCommand, answer: string, reason: string): Promise<void> {
    const sessionId = await runWith(command, answer)
    const stopped = await fixture.untilHeld(sessionId)
    expect(stopped).toMatchObject({ reason, mails: { failed: 0, unconfirmed: 0 } })
    const told = (await fixture.events(sessionId)).find(({ type }) => type === 'held')
    expect(told).toMatchObject({ cause: answer, actor: null, details: { reason } })
    await runCommand(fixture.activation.deps, 'resume', sessionId, actor)
    await fixture.expectAllSentAtFirstTry(sessionId)
  }

  async function expectFailed(command: SmtpCommand, answer: string, reason: string): Promise<void> {
    const sessionId = await runWith(command, answer)
    const done = await fixture.untilCompleted(sessionId)
    expect(done.mails).toMatchObject({ sent: leads - 1, failed: 1, pending: 0 })
    const all = await expectInvariants(fixture.test, sessionId, fixture.smtp.mails)
    const refused = all.find(({ mail }) => mail.state === 'failed')
    expect(refused?.mail).toMatchObject({ reason, reply: answer, tries: 1, nextTryAt: null })
    expect(fixture.smtp.mails.map(({ to }) => to.join())).not.toContain(refused?.lead.email)
  }

  async function expectNextTry(
    command: SmtpCommand,
    answer: string,
    reason: 'temporary_failure' | 'mailbox_full',
  ): Promise<void> {
    const started = Date.now()
    const sessionId = await runWith(command, answer)
    const waiting = (await fixture.untilWaiting(sessionId, 1)).find(({ mail }) => mail.state === 'pending')
    expect(waiting?.mail).toMatchObject({ reason, reply: answer, tries: 1 })
    const nextTryAt = Date.parse(waiting?.mail.nextTryAt ?? '')
    const [least, most] = reason === 'mailbox_full' ? [24 * hour, 24 * hour] : [0, minute]
    expect(nextTryAt).toBeGreaterThanOrEqual(started + least)
    expect(nextTryAt).toBeLessThanOrEqual(Date.now() + most)
    expect(await fixture.activation.progress(sessionId)).toMatchObject({
      status: 'running',
      mails: { sent: leads - 1, pending: 1, failed: 0 },
    })
    const done = await fixture.untilCompletedWithRetriesDue(sessionId)
    expect(done.mails).toMatchObject({ sent: leads, failed: 0 })
    const all = await expectInvariants(fixture.test, sessionId, fixture.smtp.mails)
    expect(all.map(({ mail }) => mail.tries).toSorted((a, b) => a - b)).toEqual([1, 1, 1, 2])
  }

  it('the answer "421 4.7.0 Slow down" in place of the greeting has the mail sent later, without a try used', () =>
    expectSentLater('GREETING', '421 4.7.0 Slow down'))

  it('the answer "421 4.7.0 Slow down" to EHLO has the mail sent later, without a try used', () =>
    expectSentLater('EHLO', '421 4.7.0 Slow down'))

  it('the answer "421 4.7.0 Slow down" to AUTH has the mail sent later, without a try used', () =>
    expectSentLater('AUTH', '421 4.7.0 Slow down'))

  it('the answer "421 4.7.0 Slow down" to MAIL has the mail sent later, without a try used', () =>
    expectSentLater('MAIL', '421 4.7.0 Slow down'))

  it('the answer "421 4.7.0 Slow down" to RCPT has the mail sent later, without a try used', () =>
    expectSentLater('RCPT', '421 4.7.0 Slow down'))

  it('the answer "421 4.7.0 Slow down" to DATA has the mail sent later, without a try used', () =>
    expectSentLater('DATA', '421 4.7.0 Slow down'))

  it('the answer "421 4.7.0 Slow down" after the dot has the mail sent later, without a try used', () =>
    expectSentLater('DOT', '421 4.7.0 Slow down'))

  it('the answer "432 4.7.12 A new password is needed" to AUTH has the mail sent later, without a try used', () =>
    expectSentLater('AUTH', '432 4.7.12 A new password is needed'))

  it('the answer "432 4.7.12 A new password is needed" to MAIL has the mail sent later, without a try used', () =>
    expectSentLater('MAIL', '432 4.7.12 A new password is needed'))

  it('the answer "432 4.7.12 A new password is needed" to RCPT has the mail sent later, without a try used', () =>
    expectSentLater('RCPT', '432 4.7.12 A new password is needed'))

  it('the answer "432 4.7.12 A new password is needed" to DATA has the mail sent later, without a try used', () =>
    expectSentLater('DATA', '432 4.7.12 A new password is needed'))

  it('the answer "432 4.7.12 A new password is needed" after the dot has the mail sent later, without a try used', () =>
    expectSentLater('DOT', '432 4.7.12 A new password is needed'))

  it('the answer "454 4.7.0 Too many sign-ins" to AUTH has the mail sent later, without a try used', () =>
    expectSentLater('AUTH', '454 4.7.0 Too many sign-ins'))

  it('the answer "454 4.7.0 Too many sign-ins" to MAIL has the mail sent later, without a try used', () =>
    expectSentLater('MAIL', '454 4.7.0 Too many sign-ins'))

  it('the answer "454 4.7.0 Too many sign-ins" to RCPT has the mail sent later, without a try used', () =>
    expectSentLater('RCPT', '454 4.7.0 Too many sign-ins'))

  it('the answer "454 4.7.0 Too many sign-ins" to DATA has the mail sent later, without a try used', () =>
    expectSentLater('DATA', '454 4.7.0 Too many sign-ins'))

  it('the answer "454 4.7.0 Too many sign-ins" after the dot has the mail sent later, without a try used', () =>
    expectSentLater('DOT', '454 4.7.0 Too many sign-ins'))

  it('the answer "450 4.2.0 Busy" in place of the greeting has the mail sent later, without a try used', () =>
    expectSentLater('GREETING', '450 4.2.0 Busy'))

  it('the answer "450 4.2.0 Busy" to EHLO has the mail sent later, without a try used', () =>
    expectSentLater('EHLO', '450 4.2.0 Busy'))

  it('the answer "450 4.2.0 Busy" to AUTH has the mail sent later, without a try used', () =>
    expectSentLater('AUTH', '450 4.2.0 Busy'))

  it('the answer "450 4.2.0 Busy" to MAIL makes the mail wait for its next try as a temporary failure', () =>
    expectNextTry('MAIL', '450 4.2.0 Busy', 'temporary_failure'))

  it('the answer "450 4.2.0 Busy" to RCPT makes the mail wait for its next try as a temporary failure', () =>
    expectNextTry('RCPT', '450 4.2.0 Busy', 'temporary_failure'))

  it('the answer "450 4.2.0 Busy" to DATA makes the mail wait for its next try as a temporary failure', () =>
    expectNextTry('DATA', '450 4.2.0 Busy', 'temporary_failure'))

  it('the answer "450 4.2.0 Busy" after the dot makes the mail wait for its next try as a temporary failure', () =>
    expectNextTry('DOT', '450 4.2.0 Busy', 'temporary_failure'))

  it('the answer "451 4.3.0 Try again later" in place of the greeting has the mail sent later, without a try used', () =>
    expectSentLater('GREETING', '451 4.3.0 Try again later'))

  it('the answer "451 4.3.0 Try again later" to EHLO has the mail sent later, without a try used', () =>
    expectSentLater('EHLO', '451 4.3.0 Try again later'))

  it('the answer "451 4.3.0 Try again later" to AUTH has the mail sent later, without a try used', () =>
    expectSentLater('AUTH', '451 4.3.0 Try again later'))

  it('the answer "451 4.3.0 Try again later" to MAIL makes the mail wait for its next try as a temporary failure', () =>
    expectNextTry('MAIL', '451 4.3.0 Try again later', 'temporary_failure'))

  it('the answer "451 4.3.0 Try again later" to RCPT makes the mail wait for its next try as a temporary failure', () =>
    expectNextTry('RCPT', '451 4.3.0 Try again later', 'temporary_failure'))

  it('the answer "451 4.3.0 Try again later" to DATA makes the mail wait for its next try as a temporary failure', () =>
    expectNextTry('DATA', '451 4.3.0 Try again later', 'temporary_failure'))

  it('the answer "451 4.3.0 Try again later" after the dot makes the mail wait for its next try as a temporary failure', () =>
    expectNextTry('DOT', '451 4.3.0 Try again later', 'temporary_failure'))

  it('the answer "452 4.3.1 No room right now" to MAIL makes the mail wait for its next try as a temporary failure', () =>
    expectNextTry('MAIL', '452 4.3.1 No room right now', 'temporary_failure'))

  it('the answer "452 4.3.1 No room right now" to RCPT makes the mail wait for its next try as a temporary failure', () =>
    expectNextTry('RCPT', '452 4.3.1 No room right now', 'temporary_failure'))

  it('the answer "452 4.3.1 No room right now" to DATA makes the mail wait for its next try as a temporary failure', () =>
    expectNextTry('DATA', '452 4.3.1 No room right now', 'temporary_failure'))

  it('the answer "452 4.3.1 No room right now" after the dot makes the mail wait for its next try as a temporary failure', () =>
    expectNextTry('DOT', '452 4.3.1 No room right now', 'temporary_failure'))

  it('the answer "550 5.1.1 No such user here" to RCPT fails the mail: address_refused', () =>
    expectFailed('RCPT', '550 5.1.1 No such user here', 'address_refused'))

  it('the answer "550 5.1.1 No such user here" after the dot fails the mail: address_refused', () =>
    expectFailed('DOT', '550 5.1.1 No such user here', 'address_refused'))

  it('the answer "550 No such user here" to RCPT fails the mail: address_refused', () =>
    expectFailed('RCPT', '550 No such user here', 'address_refused'))

  it('the answer "550 5.7.1 Not from this sender" to MAIL holds the session: mail_server_refuses', () =>
    expectHeld('MAIL', '550 5.7.1 Not from this sender', 'mail_server_refuses'))

  it('the answer "550 5.7.1 Refused by policy" to RCPT fails the mail: refused', () =>
    expectFailed('RCPT', '550 5.7.1 Refused by policy', 'refused'))

  it('the answer "550 5.7.1 Refused by policy" to DATA fails the mail: refused', () =>
    expectFailed('DATA', '550 5.7.1 Refused by policy', 'refused'))

  it('the answer "550 5.7.1 Refused by policy" after the dot fails the mail: refused', () =>
    expectFailed('DOT', '550 5.7.1 Refused by policy', 'refused'))

  it('the answer "550 5.4.5 Quota of the day exceeded" to MAIL holds the session: mail_quota', () =>
    expectHeld('MAIL', '550 5.4.5 Quota of the day exceeded', 'mail_quota'))

  it('the answer "550 5.4.5 Quota of the day exceeded" to RCPT holds the session: mail_quota', () =>
    expectHeld('RCPT', '550 5.4.5 Quota of the day exceeded', 'mail_quota'))

  it('the answer "550 5.4.5 Quota of the day exceeded" to DATA holds the session: mail_quota', () =>
    expectHeld('DATA', '550 5.4.5 Quota of the day exceeded', 'mail_quota'))

  it('the answer "550 5.4.5 Quota of the day exceeded" after the dot holds the session: mail_quota', () =>
    expectHeld('DOT', '550 5.4.5 Quota of the day exceeded', 'mail_quota'))

  it('the answer "552 5.2.2 Mailbox full" to RCPT makes the mail wait for a day, because the mailbox is full', () =>
    expectNextTry('RCPT', '552 5.2.2 Mailbox full', 'mailbox_full'))

  it('the answer "552 5.2.2 Mailbox full" to DATA makes the mail wait for a day, because the mailbox is full', () =>
    expectNextTry('DATA', '552 5.2.2 Mailbox full', 'mailbox_full'))

  it('the answer "552 5.2.2 Mailbox full" after the dot makes the mail wait for a day, because the mailbox is full', () =>
    expectNextTry('DOT', '552 5.2.2 Mailbox full', 'mailbox_full'))

  it('the answer "552 Mailbox full" to RCPT makes the mail wait for a day, because the mailbox is full', () =>
    expectNextTry('RCPT', '552 Mailbox full', 'mailbox_full'))

  it('the answer "552 5.3.4 Message too big" to MAIL holds the session: message_too_large', () =>
    expectHeld('MAIL', '552 5.3.4 Message too big', 'message_too_large'))

  it('the answer "552 5.3.4 Message too big" to RCPT holds the session: message_too_large', () =>
    expectHeld('RCPT', '552 5.3.4 Message too big', 'message_too_large'))

  it('the answer "552 5.3.4 Message too big" to DATA holds the session: message_too_large', () =>
    expectHeld('DATA', '552 5.3.4 Message too big', 'message_too_large'))

  it('the answer "552 5.3.4 Message too big" after the dot holds the session: message_too_large', () =>
    expectHeld('DOT', '552 5.3.4 Message too big', 'message_too_large'))

  it('the answer "553 5.1.3 Not an address" to RCPT fails the mail: address_refused', () =>
    expectFailed('RCPT', '553 5.1.3 Not an address', 'address_refused'))

  it('the answer "554 5.7.1 Sender refused" to MAIL holds the session: mail_server_refuses', () =>
    expectHeld('MAIL', '554 5.7.1 Sender refused', 'mail_server_refuses'))

  it('the answer "554 5.7.1 Looks like spam" to RCPT fails the mail: refused', () =>
    expectFailed('RCPT', '554 5.7.1 Looks like spam', 'refused'))

  it('the answer "554 5.7.1 Looks like spam" to DATA fails the mail: refused', () =>
    expectFailed('DATA', '554 5.7.1 Looks like spam', 'refused'))

  it('the answer "554 5.7.1 Looks like spam" after the dot fails the mail: refused', () =>
    expectFailed('DOT', '554 5.7.1 Looks like spam', 'refused'))

  it('the answer "530 5.7.0 Sign in first" to MAIL holds the session: mail_sign_in_refused', () =>
    expectHeld('MAIL', '530 5.7.0 Sign in first', 'mail_sign_in_refused'))

  it('the answer "534 5.7.9 Stronger sign-in needed" to AUTH holds the session: mail_sign_in_refused', () =>
    expectHeld('AUTH', '534 5.7.9 Stronger sign-in needed', 'mail_sign_in_refused'))

  it('the answer "535 5.7.8 Wrong password" to AUTH holds the session: mail_sign_in_refused', () =>
    expectHeld('AUTH', '535 5.7.8 Wrong password', 'mail_sign_in_refused'))
})

describe('an answer that the mail server gives again and again', () => {
  async function expectGivenUp(answer: string, hours: number, reason: string): Promise<void> {
    const sessionId = await fixture.run(at('RCPT', answer, 'always'), { leads: 1 })
    await fixture.untilWaiting(sessionId, 1)
    await fixture.test.pool.query(
      `UPDATE items SET first_try_at = first_try_at - make_interval(hours => $2) WHERE session_id = $1`,
      [sessionId, hours],
    )
    const done = await fixture.untilCompletedWithRetriesDue(sessionId)
    expect(done.mails).toMatchObject({ failed: 1, sent: 0 })
    expect((await fixture.items(sessionId))[0]?.mail).toMatchObject({ reason, reply: answer, nextTryAt: null })
    expect(fixture.smtp.mails).toEqual([])
  }

  it('the answer "451 4.3.0 Try again later" fails the mail after 49 hours: gave_up', () =>
    expectGivenUp('451 4.3.0 Try again later', 49, 'gave_up'))

  it('the answer "552 5.2.2 Mailbox full" fails the mail after 25 hours: mailbox_full', () =>
    expectGivenUp('552 5.2.2 Mailbox full', 25, 'mailbox_full'))
})
