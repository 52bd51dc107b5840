import { describe, expect, it } from 'vitest'
import { actor, until } from '../../../test/app/activation.ts'
import { at, useFaultFixture } from '../../../test/simulation/fault-fixture.ts'
import { expectInvariants, makeRetriesDue } from '../../../test/simulation/invariants.ts'
import type { SmtpCommand, SmtpReply } from '../../../test/smtp/scripted-smtp-server.ts'
import { runCommand, retryMails } from '../commands/commands.usecases.ts'

const bench = useFaultFixture()
const leads = 4
const minute = 60_000
const hour = 60 * minute

describe('a connection that is lost before the gate', () => {
  const endings: { how: string; reply: SmtpReply }[] = [
    { how: 'closed', reply: { drop: 'fin' } },
    { how: 'reset', reply: { drop: 'rst' } },
    { how: 'silent', reply: { silence: true } },
  ]
  const commands = ['GREETING', 'EHLO', 'AUTH', 'MAIL', 'RCPT', 'DATA'] as const
  const rows = commands.flatMap((command) => endings.map((ending) => ({ command, ...ending })))
  const impatient = { connect: 300, greeting: 300, command: 300 }

  it.each(rows)(
    'leaves the mail pending when it is $how at $command: it is sent later, once, and no try is used',
    async ({ command, reply, how }) => {
      const sessionId = await bench.run(at(command, reply), {
        url: command === 'AUTH' ? bench.signedIn() : bench.plain(),
        timeouts: how === 'silent' ? impatient : {},
      })
      await bench.expectAllSentAtFirstTry(sessionId)
      expect((await bench.events(sessionId)).map(({ type }) => type)).toEqual(['started', 'running', 'completed'])
    },
  )
})

describe('an answer that is lost after the gate', () => {
  /** Longer than the answers to the other mails take on a busy machine. */
  const impatient = { delivery: 3000 }
  const rows: { what: string; command: SmtpCommand; reply: SmtpReply; timeouts?: typeof impatient }[] = [
    { what: 'the connection is closed in the body', command: 'BODY', reply: { drop: 'fin' } },
    { what: 'the connection is reset in the body', command: 'BODY', reply: { drop: 'rst' } },
    { what: 'the connection is closed after the dot', command: 'DOT', reply: { drop: 'fin' } },
    { what: 'the connection is reset after the dot', command: 'DOT', reply: { drop: 'rst' } },
    { what: 'the server is silent after the dot', command: 'DOT', reply: { silence: true }, timeouts: impatient },
    { what: 'the answer is cut off after "25"', command: 'DOT', reply: { raw: '25', drop: 'fin' } },
    { what: 'the answer "250 ok" has no line end', command: 'DOT', reply: { raw: '250 ok', drop: 'fin' } },
  ]

  it.each(rows)(
    'leaves one mail unconfirmed, with at most one copy, when $what',
    async ({ command, reply, timeouts }) => {
      const sessionId = await bench.run(at(command, reply), { timeouts })
      const done = await bench.untilCompleted(sessionId)
      expect(done.mails).toMatchObject({ sent: leads - 1, unconfirmed: 1, failed: 0 })
      const all = await expectInvariants(bench.test, sessionId, bench.smtp.mails)
      const lost = all.find(({ mail }) => mail.state === 'unconfirmed')?.mail
      expect(lost).toMatchObject({
        reason: 'answer_lost',
        tries: 1,
        nextTryAt: null,
        settledBy: 'answer',
        sentAt: null,
      })
      expect(lost?.reply).not.toBeNull()
      expect(bench.smtp.mails).toHaveLength(command === 'DOT' ? leads : leads - 1)
    },
  )

  it.each(rows)(
    'has the policy "resend" send the same mail again, byte for byte, when $what',
    async ({ command, reply, timeouts }) => {
      const sessionId = await bench.run(at(command, reply), { timeouts, session: { unconfirmed: 'resend' } })
      const waiting = (await bench.untilWaiting(sessionId, 1)).find(({ mail }) => mail.state === 'pending')
      expect(waiting?.mail).toMatchObject({ reason: 'answer_lost', tries: 1 })
      const done = await bench.untilCompletedWithRetriesDue(sessionId)
      expect(done.mails).toMatchObject({ sent: leads, unconfirmed: 0 })
      const all = await expectInvariants(bench.test, sessionId, bench.smtp.mails, { copies: 2 })
      expect(all.map(({ mail }) => mail.tries).toSorted((a, b) => a - b)).toEqual([1, 1, 1, 2])
      const copies = bench.smtp.mails.filter(({ to }) => to.join() === waiting?.lead.email)
      expect(copies).toHaveLength(command === 'DOT' ? 2 : 1)
      expect(copies[0]?.raw.toString()).toContain(`Message-ID: ${waiting?.mail.messageId}`)
    },
  )

  it('is not taken for lost while a slow server answers only after longer than a dead process is waited for', async () => {
    const sessionId = await bench.run(
      (command) => (command === 'DOT' ? { delay: 6500 } : command === 'BODY' ? undefined : { delay: 100 }),
      { leads: 2 },
    )
    await bench.expectAllSentAtFirstTry(sessionId)
  })
})

/** What must follow an answer that is given once. */
type Follows =
  | { what: 'sent later' }
  | { what: 'next try'; reason: 'temporary_failure' | 'mailbox_full' }
  | { what: 'failed'; reason: string }
  | { what: 'held'; reason: string }

const sentLater: Follows = { what: 'sent later' }
const nextTry: Follows = { what: 'next try', reason: 'temporary_failure' }
const mailboxFull: Follows = { what: 'next try', reason: 'mailbox_full' }
const failed = (reason: string): Follows => ({ what: 'failed', reason })
const held = (reason: string): Follows => ({ what: 'held', reason })

const opening: SmtpCommand[] = ['GREETING', 'EHLO', 'AUTH']
const mailing: SmtpCommand[] = ['MAIL', 'RCPT', 'DATA', 'DOT']
const afterTheSender: SmtpCommand[] = ['RCPT', 'DATA', 'DOT']

const answers: { answer: string; commands: SmtpCommand[]; follows: Follows }[] = [
  { answer: '421 4.7.0 Slow down', commands: [...opening, ...mailing], follows: sentLater },
  { answer: '432 4.7.12 A new password is needed', commands: ['AUTH', ...mailing], follows: sentLater },
  { answer: '454 4.7.0 Too many sign-ins', commands: ['AUTH', ...mailing], follows: sentLater },
  { answer: '450 4.2.0 Busy', commands: opening, follows: sentLater },
  { answer: '450 4.2.0 Busy', commands: mailing, follows: nextTry },
  { answer: '451 4.3.0 Try again later', commands: opening, follows: sentLater },
  { answer: '451 4.3.0 Try again later', commands: mailing, follows: nextTry },
  { answer: '452 4.3.1 No room right now', commands: mailing, follows: nextTry },
  { answer: '550 5.1.1 No such user here', commands: ['RCPT', 'DOT'], follows: failed('address_refused') },
  { answer: '550 No such user here', commands: ['RCPT'], follows: failed('address_refused') },
  { answer: '550 5.7.1 Not from this sender', commands: ['MAIL'], follows: held('mail_server_refuses') },
  { answer: '550 5.7.1 Refused by policy', commands: afterTheSender, follows: failed('refused') },
  { answer: '550 5.4.5 Quota of the day exceeded', commands: mailing, follows: held('mail_quota') },
  { answer: '552 5.2.2 Mailbox full', commands: afterTheSender, follows: mailboxFull },
  { answer: '552 Mailbox full', commands: ['RCPT'], follows: mailboxFull },
  { answer: '552 5.3.4 Message too big', commands: mailing, follows: held('message_too_large') },
  { answer: '553 5.1.3 Not an address', commands: ['RCPT'], follows: failed('address_refused') },
  { answer: '554 5.7.1 Sender refused', commands: ['MAIL'], follows: held('mail_server_refuses') },
  { answer: '554 5.7.1 Looks like spam', commands: afterTheSender, follows: failed('refused') },
  { answer: '530 5.7.0 Sign in first', commands: ['MAIL'], follows: held('mail_sign_in_refused') },
  { answer: '534 5.7.9 Stronger sign-in needed', commands: ['AUTH'], follows: held('mail_sign_in_refused') },
  { answer: '535 5.7.8 Wrong password', commands: ['AUTH'], follows: held('mail_sign_in_refused') },
]

describe('an answer of the mail server', () => {
  const rows = answers.flatMap(({ commands, answer, follows }) =>
    commands.map((command) => ({ command, answer, follows, meaning: Object.values(follows).join(', ') })),
  )

  it.each(rows)('that says "$answer" at $command means: $meaning', async ({ answer, command, follows }) => {
    const started = Date.now()
    const url = command === 'AUTH' ? bench.signedIn() : bench.plain()
    const sessionId = await bench.run(at(command, answer), { url })
    if (follows.what === 'sent later') await bench.expectAllSentAtFirstTry(sessionId)
    else if (follows.what === 'held') await expectHeld(sessionId, follows.reason, answer)
    else if (follows.what === 'failed') await expectFailed(sessionId, follows.reason, answer)
    else await expectNextTry(sessionId, { reason: follows.reason, answer, started })
  })

  /** The session stops with nothing failed and no try used, and a resume sends everything once. */
  async function expectHeld(sessionId: string, reason: string, answer: string): Promise<void> {
    const stopped = await bench.untilHeld(sessionId)
    expect(stopped).toMatchObject({ reason, mails: { failed: 0, unconfirmed: 0 } })
    const told = (await bench.events(sessionId)).find(({ type }) => type === 'held')
    expect(told).toMatchObject({ cause: answer, actor: null, details: { reason } })
    await runCommand(bench.activation.deps, 'resume', sessionId, actor)
    await bench.expectAllSentAtFirstTry(sessionId)
  }

  async function expectFailed(sessionId: string, reason: string, answer: string): Promise<void> {
    const done = await bench.untilCompleted(sessionId)
    expect(done.mails).toMatchObject({ sent: leads - 1, failed: 1, pending: 0 })
    const all = await expectInvariants(bench.test, sessionId, bench.smtp.mails)
    const refused = all.find(({ mail }) => mail.state === 'failed')
    expect(refused?.mail).toMatchObject({ reason, reply: answer, tries: 1, nextTryAt: null })
    expect(bench.smtp.mails.map(({ to }) => to.join())).not.toContain(refused?.lead.email)
  }

  async function expectNextTry(
    sessionId: string,
    expected: { reason: string; answer: string; started: number },
  ): Promise<void> {
    const waiting = (await bench.untilWaiting(sessionId, 1)).find(({ mail }) => mail.state === 'pending')
    expect(waiting?.mail).toMatchObject({ reason: expected.reason, reply: expected.answer, tries: 1 })
    const nextTryAt = Date.parse(waiting?.mail.nextTryAt ?? '')
    const [least, most] = expected.reason === 'mailbox_full' ? [24 * hour, 24 * hour] : [0, minute]
    expect(nextTryAt).toBeGreaterThanOrEqual(expected.started + least)
    expect(nextTryAt).toBeLessThanOrEqual(Date.now() + most)
    expect(await bench.activation.progress(sessionId)).toMatchObject({
      status: 'running',
      mails: { sent: leads - 1, pending: 1, failed: 0 },
    })
    const done = await bench.untilCompletedWithRetriesDue(sessionId)
    expect(done.mails).toMatchObject({ sent: leads, failed: 0 })
    const all = await expectInvariants(bench.test, sessionId, bench.smtp.mails)
    expect(all.map(({ mail }) => mail.tries).toSorted((a, b) => a - b)).toEqual([1, 1, 1, 2])
  }

  it.each([
    { answer: '451 4.3.0 Try again later', hours: 49, reason: 'gave_up' },
    { answer: '552 5.2.2 Mailbox full', hours: 25, reason: 'mailbox_full' },
  ])('that still says "$answer" after $hours hours fails the mail: $reason', async ({ answer, hours, reason }) => {
    const sessionId = await bench.run(at('RCPT', answer, 'always'), { leads: 1 })
    await bench.untilWaiting(sessionId, 1)
    await bench.test.pool.query(
      `UPDATE items SET first_try_at = first_try_at - make_interval(hours => $2) WHERE session_id = $1`,
      [sessionId, hours],
    )
    const done = await bench.untilCompletedWithRetriesDue(sessionId)
    expect(done.mails).toMatchObject({ failed: 1, sent: 0 })
    expect((await bench.items(sessionId))[0]?.mail).toMatchObject({ reason, reply: answer, nextTryAt: null })
    expect(bench.smtp.mails).toEqual([])
  })
})

describe('a mail server that takes nothing', () => {
  const many = 60
  /** With two connections that fail at the same time, and one turn for each of three chunks. */
  const fewAttempts = 20

  it.each([
    { what: 'greets with 554', command: 'GREETING', reply: '554 5.3.2 Not today' },
    { what: 'answers EHLO with 550', command: 'EHLO', reply: '550 5.7.1 Go away' },
  ] as const)(
    'and $what holds the session after a few attempts; it goes on by itself when the server is well again',
    async ({ command, reply }) => {
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
    },
  )

  it('and refuses connections holds the session, which goes on by itself when it listens again', async () => {
    await bench.smtp.stop()
    const sessionId = await bench.run(() => undefined, { leads: many })
    await expectHeldAndNothingLost(sessionId, 'mail_server_down')
    await bench.smtp.start()
    expect((await bench.untilCompletedWithRetriesDue(sessionId)).mails.sent).toBe(many)
    await bench.expectAllSentAtFirstTry(sessionId)
  })

  it.each([
    { what: 'whose name is unknown', url: () => 'smtp://nowhere.invalid:25?connections=2' },
    {
      what: 'that does not speak TLS',
      url: () => bench.plain().replace('smtp:', 'smtps:').replace('&ignoreTLS=true', ''),
    },
    { what: 'that has no STARTTLS', url: () => bench.plain().replace('ignoreTLS', 'requireTLS') },
  ])('or one $what holds the session, and no mail fails', async ({ url }) => {
    const script = at('STARTTLS', '454 4.7.0 TLS not available', 'always')
    const sessionId = await bench.run(script, { leads: many, url: url() })
    await expectHeldAndNothingLost(sessionId, 'mail_server_down')
    expect(bench.smtp.totalConnections).toBeLessThanOrEqual(fewAttempts)
  })

  it('and refuses the sign-in holds the session at once, and does not try again by itself', async () => {
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
  it('that takes two connections and answers 421 to more gets everything over at most two, without being called again and again', async () => {
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

  it('that refuses five different people in a row after the dot has the session held, and a person decides', async () => {
    const sessionId = await bench.run(at('DOT', '554 5.7.1 Looks like spam', 'always'), { leads: 20 })
    const stopped = await bench.untilHeld(sessionId)
    expect(stopped.reason).toBe('too_many_failures')
    const settled = await until(
      () => bench.items(sessionId),
      (all) => all.every(({ mail }) => mail.state !== 'sending'),
    )
    const refused = settled.filter(({ mail }) => mail.state === 'failed')
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
