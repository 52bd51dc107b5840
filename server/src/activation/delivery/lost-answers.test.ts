import { describe, expect, it } from 'vitest'
import { at, useFaultFixture } from '../../../test/simulation/fault-fixture.ts'
import { expectInvariants } from '../../../test/simulation/invariants.ts'
import type { SmtpCommand, SmtpReply } from '../../../test/smtp/scripted-smtp-server.ts'

const fixture = useFaultFixture()
const leads = 4

describe('a connection that is lost before the gate', () => {
  const impatient = { connect: 300, greeting: 300, command: 300 }

  async function expectSentLaterOnce(
    command: SmtpCommand,
    reply: SmtpReply,
    timeouts: Partial<typeof impatient> = {},
  ): Promise<void> {
    const url = command === 'AUTH' ? fixture.signedIn() : fixture.plain()
    const sessionId = await fixture.run(at(command, reply), { url, timeouts })
    await fixture.expectAllSentAtFirstTry(sessionId)
    expect((await fixture.events(sessionId)).map(({ type }) => type)).toEqual(['started', 'running', 'completed'])
  }

  it('a connection that is closed in place of the greeting leaves the mail pending: it is sent later, once, and no try is used', () =>
    expectSentLaterOnce('GREETING', { drop: 'fin' }))

  it('a connection that is reset in place of the greeting leaves the mail pending: it is sent later, once, and no try is used', () =>
    expectSentLaterOnce('GREETING', { drop: 'rst' }))

  it('a connection that falls silent in place of the greeting leaves the mail pending: it is sent later, once, and no try is used', () =>
    expectSentLaterOnce('GREETING', { silence: true }, impatient))

  it('a connection that is closed in answer to EHLO leaves the mail pending: it is sent later, once, and no try is used', () =>
    expectSentLaterOnce('EHLO', { drop: 'fin' }))

  it('a connection that is reset in answer to EHLO leaves the mail pending: it is sent later, once, and no try is used', () =>
    expectSentLaterOnce('EHLO', { drop: 'rst' }))

  it('a connection that falls silent in answer to EHLO leaves the mail pending: it is sent later, once, and no try is used', () =>
    expectSentLaterOnce('EHLO', { silence: true }, impatient))

  it('a connection that is closed in answer to AUTH leaves the mail pending: it is sent later, once, and no try is used', () =>
    expectSentLaterOnce('AUTH', { drop: 'fin' }))

  it('a connection that is reset in answer to AUTH leaves the mail pending: it is sent later, once, and no try is used', () =>
    expectSentLaterOnce('AUTH', { drop: 'rst' }))

  it('a connection that falls silent in answer to AUTH leaves the mail pending: it is sent later, once, and no try is used', () =>
    expectSentLaterOnce('AUTH', { silence: true }, impatient))

  it('a connection that is closed in answer to MAIL leaves the mail pending: it is sent later, once, and no try is used', () =>
    expectSentLaterOnce('MAIL', { drop: 'fin' }))

  it('a connection that is reset in answer to MAIL leaves the mail pending: it is sent later, once, and no try is used', () =>
    expectSentLaterOnce('MAIL', { drop: 'rst' }))

  it('a connection that falls silent in answer to MAIL leaves the mail pending: it is sent later, once, and no try is used', () =>
    expectSentLaterOnce('MAIL', { silence: true }, impatient))

  it('a connection that is closed in answer to RCPT leaves the mail pending: it is sent later, once, and no try is used', () =>
    expectSentLaterOnce('RCPT', { drop: 'fin' }))

  it('a connection that is reset in answer to RCPT leaves the mail pending: it is sent later, once, and no try is used', () =>
    expectSentLaterOnce('RCPT', { drop: 'rst' }))

  it('a connection that falls silent in answer to RCPT leaves the mail pending: it is sent later, once, and no try is used', () =>
    expectSentLaterOnce('RCPT', { silence: true }, impatient))

  it('a connection that is closed in answer to DATA leaves the mail pending: it is sent later, once, and no try is used', () =>
    expectSentLaterOnce('DATA', { drop: 'fin' }))

  it('a connection that is reset in answer to DATA leaves the mail pending: it is sent later, once, and no try is used', () =>
    expectSentLaterOnce('DATA', { drop: 'rst' }))

  it('a connection that falls silent in answer to DATA leaves the mail pending: it is sent later, once, and no try is used', () =>
    expectSentLaterOnce('DATA', { silence: true }, impatient))
})

describe('an answer that is lost after the gate', () => {
  /** Milliseconds; longer than the answers to the other mails take on a busy machine. */
  const impatient = { delivery: 3000 }

  async function expectUnconfirmed(command: SmtpCommand, reply: SmtpReply, timeouts?: typeof impatient): Promise<void> {
    const sessionId = await fixture.run(at(command, reply), { timeouts })
    const done = await fixture.untilCompleted(sessionId)
    expect(done.mails).toMatchObject({ sent: leads - 1, unconfirmed: 1, failed: 0 })
    const all = await expectInvariants(fixture.test, sessionId, fixture.smtp.mails)
    const lost = all.find(({ mail }) => mail.state === 'unconfirmed')?.mail
    expect(lost).toMatchObject({
      reason: 'answer_lost',
      tries: 1,
      nextTryAt: null,
      settledBy: 'answer',
      sentAt: null,
    })
    expect(lost?.reply).not.toBeNull()
    expect(fixture.smtp.mails).toHaveLength(command === 'DOT' ? leads : leads - 1)
  }

  async function expectSentAgain(command: SmtpCommand, reply: SmtpReply, timeouts?: typeof impatient): Promise<void> {
    const sessionId = await fixture.run(at(command, reply), { timeouts, session: { unconfirmed: 'resend' } })
    const waiting = (await fixture.untilWaiting(sessionId, 1)).find(({ mail }) => mail.state === 'pending')
    expect(waiting?.mail).toMatchObject({ reason: 'answer_lost', tries: 1 })
    const done = await fixture.untilCompletedWithRetriesDue(sessionId)
    expect(done.mails).toMatchObject({ sent: leads, unconfirmed: 0 })
    const all = await expectInvariants(fixture.test, sessionId, fixture.smtp.mails, { copies: 2 })
    expect(all.map(({ mail }) => mail.tries).toSorted((a, b) => a - b)).toEqual([1, 1, 1, 2])
    const copies = fixture.smtp.mails.filter(({ to }) => to.join() === waiting?.lead.email)
    expect(copies).toHaveLength(command === 'DOT' ? 2 : 1)
    expect(copies[0]?.raw.toString()).toContain(`Message-ID: ${waiting?.mail.messageId}`)
  }

  it('a connection that is closed in the body leaves one mail unconfirmed, with at most one copy', () =>
    expectUnconfirmed('BODY', { drop: 'fin' }))

  it('a connection that is reset in the body leaves one mail unconfirmed, with at most one copy', () =>
    expectUnconfirmed('BODY', { drop: 'rst' }))

  it('a connection that is closed after the dot leaves one mail unconfirmed, with at most one copy', () =>
    expectUnconfirmed('DOT', { drop: 'fin' }))

  it('a connection that is reset after the dot leaves one mail unconfirmed, with at most one copy', () =>
    expectUnconfirmed('DOT', { drop: 'rst' }))

  it('a server that is silent after the dot leaves one mail unconfirmed, with at most one copy', () =>
    expectUnconfirmed('DOT', { silence: true }, impatient))

  it('an answer that is cut off after "25" leaves one mail unconfirmed, with at most one copy', () =>
    expectUnconfirmed('DOT', { raw: '25', drop: 'fin' }))

  it('an answer "250 ok" without a line end leaves one mail unconfirmed, with at most one copy', () =>
    expectUnconfirmed('DOT', { raw: '250 ok', drop: 'fin' }))

  it('the policy "resend" sends the same mail again, byte for byte, after a connection that is closed in the body', () =>
    expectSentAgain('BODY', { drop: 'fin' }))

  it('the policy "resend" sends the same mail again, byte for byte, after a connection that is reset in the body', () =>
    expectSentAgain('BODY', { drop: 'rst' }))

  it('the policy "resend" sends the same mail again, byte for byte, after a connection that is closed after the dot', () =>
    expectSentAgain('DOT', { drop: 'fin' }))

  it('the policy "resend" sends the same mail again, byte for byte, after a connection that is reset after the dot', () =>
    expectSentAgain('DOT', { drop: 'rst' }))

  it('the policy "resend" sends the same mail again, byte for byte, after a server that is silent after the dot', () =>
    expectSentAgain('DOT', { silence: true }, impatient))

  it('the policy "resend" sends the same mail again, byte for byte, after an answer that is cut off after "25"', () =>
    expectSentAgain('DOT', { raw: '25', drop: 'fin' }))

  it('the policy "resend" sends the same mail again, byte for byte, after an answer "250 ok" without a line end', () =>
    expectSentAgain('DOT', { raw: '250 ok', drop: 'fin' }))

  it('an answer is not taken for lost while a slow server answers only after longer than a dead process is waited for', async () => {
    const sessionId = await fixture.run(
      (command) => (command === 'DOT' ? { delay: 6500 } : command === 'BODY' ? undefined : { delay: 100 }),
      { leads: 2 },
    )
    await fixture.expectAllSentAtFirstTry(sessionId)
  })
})
