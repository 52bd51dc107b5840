import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { classifyAnswer, nextTryDelay, type SmtpAnswer, type SmtpProblem, type SmtpStep } from './answers.ts'
import { expectProperty } from '../../../test/properties/expect-property.ts'

const steps: SmtpStep[] = ['CONNECT', 'GREETING', 'EHLO', 'STARTTLS', 'AUTH', 'MAIL', 'RCPT', 'DATA', 'DOT']

function said(command: SmtpStep, line: string, isUsed = false): ReturnType<typeof classifyAnswer> {
  const [, code, enhanced] = /^(\d{3}) (\d\.\d+\.\d+)?/.exec(line) ?? []
  const answer: SmtpAnswer = {
    gatePassed: command === 'DOT',
    command,
    code: Number(code),
    enhanced: enhanced ?? null,
    text: line,
    error: null,
  }
  return classifyAnswer(answer, isUsed)
}

function silent(command: SmtpStep, error: SmtpProblem, gatePassed = false): ReturnType<typeof classifyAnswer> {
  return classifyAnswer({ gatePassed, command, code: null, enhanced: null, text: 'no answer', error })
}

describe('the meaning of an answer', () => {
  it('a mail is pending again when the connection is lost before the gate', () => {
    for (const step of ['MAIL', 'RCPT', 'DATA', 'AUTH', 'EHLO', 'GREETING'] as const)
      expect(silent(step, 'lost'), step).toMatchObject({ kind: 'again', cause: 'connection', reply: null })
  })

  it('a mail is unconfirmed when the connection is lost after the gate, whatever the error is called', () => {
    for (const error of ['lost', 'tls', 'unreachable', 'protocol'] as const) {
      expect(silent('DOT', error, true)).toMatchObject({ kind: 'unconfirmed', problem: 'no answer' })
    }
  })

  it('a mail is pending again and sending slows down for 421, 432 and 454, at every command at which they mean that mails come too fast', () => {
    for (const step of steps) {
      for (const code of step === 'STARTTLS' ? [421, 432] : [421, 432, 454]) {
        expect(said(step, `${code} 4.7.0 slow down`)).toMatchObject({ kind: 'again', cause: 'throttled' })
      }
    }
  })

  it('a mail is tried again later for 450, 451 and 452', () => {
    for (const [step, line] of [
      ['RCPT', '450 4.2.0 greylisted'],
      ['RCPT', '451 4.3.0 try later'],
      ['RCPT', '452 4.2.2 over quota'],
      ['DOT', '450 try later'],
      ['DOT', '451 try later'],
      ['DOT', '452 try later'],
      ['MAIL', '451 try later'],
      ['DATA', '451 try later'],
    ] as const)
      expect(said(step, line), `${line} at ${step}`).toMatchObject({ kind: 'later', mailboxFull: false, reply: line })
  })

  it('a mail is pending again over another connection where this one has carried as many mails as the server allows', () => {
    const line = '452 4.5.3 Too many recipients: Too many messages sent'
    expect(said('MAIL', line, true)).toMatchObject({ kind: 'again', cause: 'connection', reply: line })
    // Over a new connection the same answer says that the server accepts no more mails at all.
    expect(said('MAIL', line)).toMatchObject({ kind: 'later' })
    expect(said('RCPT', line, true)).toMatchObject({ kind: 'later' })
    expect(said('MAIL', '452 4.3.1 no room', true)).toMatchObject({ kind: 'later' })
  })

  it('a mail to an address that the server does not know fails without counting toward a hold', () => {
    for (const [step, line] of [
      ['RCPT', '550 5.1.1 no such user'],
      ['RCPT', '550 no such user'],
      ['RCPT', '553 5.1.3 bad address'],
      ['RCPT', '553 mailbox name not allowed'],
      ['RCPT', '551 user not local'],
      ['RCPT', '501 5.1.3 bad address syntax'],
      ['RCPT', '556 5.1.10 no mail taken there'],
      ['RCPT', '550 5.2.1 mailbox disabled'],
      ['DOT', '550 5.1.1 no such user'],
    ] as const)
      expect(said(step, line), `${line} at ${step}`).toMatchObject({
        kind: 'failed',
        reason: 'address_refused',
        countsTowardHold: false,
        reply: line,
      })
  })

  it('a mail to a full mailbox is tried once more', () => {
    expect(said('RCPT', '552 5.2.2 mailbox full')).toMatchObject({ kind: 'later', mailboxFull: true })
    expect(said('RCPT', '552 mailbox full')).toMatchObject({ kind: 'later', mailboxFull: true })
    expect(said('DOT', '552 5.2.2 mailbox full')).toMatchObject({ kind: 'later', mailboxFull: true })
  })

  it('an answer that every mail would get holds the session at once', () => {
    for (const [step, line, reason] of [
      ['DOT', '552 5.3.4 too large', 'message_too_large'],
      ['DOT', '552 too much mail data', 'message_too_large'],
      ['MAIL', '552 5.3.4 too large', 'message_too_large'],
      ['MAIL', '552 too large', 'message_too_large'],
      ['RCPT', '552 5.3.4 too large', 'message_too_large'],
      ['MAIL', '550 5.7.1 sender refused', 'mail_server_refuses'],
      ['MAIL', '553 5.1.8 sender refused', 'mail_server_refuses'],
      ['MAIL', '501 syntax', 'mail_server_refuses'],
      ['RCPT', '503 bad sequence', 'mail_server_refuses'],
      ['MAIL', '550 5.4.5 daily quota exceeded', 'mail_quota'],
      ['RCPT', '550 5.4.5 daily quota exceeded', 'mail_quota'],
      ['DOT', '550 5.4.5 daily quota exceeded', 'mail_quota'],
      ['AUTH', '530 5.7.0 sign in first', 'mail_sign_in_refused'],
      ['AUTH', '534 5.7.9 mechanism too weak', 'mail_sign_in_refused'],
      ['AUTH', '535 5.7.8 wrong password', 'mail_sign_in_refused'],
      ['AUTH', '550 no', 'mail_sign_in_refused'],
      ['MAIL', '530 5.7.0 sign in first', 'mail_sign_in_refused'],
    ] as const)
      expect(said(step, line), `${line} at ${step}`).toMatchObject({ kind: 'hold', reason, after: 1, reply: line })
  })

  it('a mail that is refused for what it is fails its item and counts toward a hold', () => {
    for (const line of ['554 5.7.1 looks like spam', '550 5.7.26 unauthenticated', '554 refused']) {
      expect(said('DOT', line)).toMatchObject({ kind: 'failed', reason: 'refused', countsTowardHold: true })
    }
    expect(said('RCPT', '554 5.7.1 relay access denied')).toMatchObject({ kind: 'failed', countsTowardHold: true })
  })

  it('a session is held after five attempts in a row that cannot reach or use the mail server', () => {
    const down = { kind: 'hold', reason: 'mail_server_down', after: 5 }
    expect(silent('CONNECT', 'unreachable')).toMatchObject(down)
    expect(silent('STARTTLS', 'tls')).toMatchObject(down)
    expect(said('STARTTLS', '454 4.7.0 TLS not available')).toMatchObject(down)
    expect(said('GREETING', '554 no service')).toMatchObject(down)
    expect(said('EHLO', '550 go away')).toMatchObject(down)
    expect(silent('AUTH', 'no_sign_in')).toMatchObject({ kind: 'hold', reason: 'mail_sign_in_refused', after: 1 })
  })

  it('a mail is sent for a 2xx after the dot and for nothing else', async () => {
    const answer = fc.record<SmtpAnswer>({
      gatePassed: fc.boolean(),
      command: fc.constantFrom(...steps),
      code: fc.option(fc.integer({ min: 100, max: 999 })),
      enhanced: fc.option(fc.constantFrom('2.0.0', '4.7.1', '5.1.1', '5.7.1', '5.2.2')),
      text: fc.string(),
      error: fc.option(fc.constantFrom('unreachable', 'tls', 'lost', 'protocol')),
    })
    await expectProperty(
      fc.property(answer, (each) => {
        const verdict = classifyAnswer(each)
        const isTwoHundred = each.code !== null && each.code >= 200 && each.code <= 299
        expect(verdict.kind === 'sent').toBe(
          each.error === null && each.gatePassed && each.command === 'DOT' && isTwoHundred,
        )
        // A mail that may have been delivered is never pending again, unless the server itself refused it.
        expect(each.gatePassed && each.error !== null && verdict.kind !== 'unconfirmed').toBe(false)
      }),
    )
  })
})

describe('the time of the next try', () => {
  const hour = 3_600_000
  const longest = (tries: number, sinceFirstTry = 0) =>
    nextTryDelay(tries, { sinceFirstTry, mailboxFull: false, random: () => 1 })

  it('the delay before the next try grows from a minute to four hours, and there is no next try after two days', () => {
    expect([1, 2, 3, 4, 5, 6, 20].map((tries) => longest(tries))).toEqual([
      60_000,
      5 * 60_000,
      15 * 60_000,
      hour,
      4 * hour,
      4 * hour,
      4 * hour,
    ])
    expect(longest(9, 47.9 * hour)).toBe(4 * hour)
    expect(longest(9, 48 * hour)).toBeNull()
  })

  it('the next try is at a random time within its delay', () => {
    expect(nextTryDelay(4, { sinceFirstTry: 0, mailboxFull: false, random: () => 0 })).toBe(0)
    expect(nextTryDelay(4, { sinceFirstTry: 0, mailboxFull: false, random: () => 0.5 })).toBe(hour / 2)
  })

  it('a full mailbox is tried again once, after one day', () => {
    const full = (tries: number, sinceFirstTry: number) =>
      nextTryDelay(tries, { sinceFirstTry, mailboxFull: true, random: () => 0 })
    expect(full(1, 0)).toBe(24 * hour)
    expect(full(3, hour)).toBe(24 * hour)
    expect(full(2, 24 * hour)).toBeNull()
  })
})
