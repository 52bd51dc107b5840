import { describe, expect, it } from 'vitest'
import type { SessionOptions } from '@rollcall/shared'
import { actor, recounted } from '../../../test/app/activation.ts'
import { useActivationWithMailServer } from '../../../test/smtp/activation-with-mail-server.ts'
import { pageOfItems } from '../history/item-list.usecases.ts'
import { runCommand, retryMails, markMailsAsSent } from '../commands/commands.usecases.ts'

describe('a mail whose answer was lost and that is to be sent again', () => {
  const fixture = useActivationWithMailServer({ connections: 2 })

  const mailOf = async (sessionId: string) => (await pageOfItems(fixture.test.database, sessionId, {})).items[0]?.mail
  const losesAnswer = () => (fixture.smtp.script = (command) => (command === 'DOT' ? { drop: 'rst' } : undefined))
  const answersRcpt = (reply: string) => (fixture.smtp.script = (command) => (command === 'RCPT' ? reply : undefined))

  async function startOne(options?: SessionOptions): Promise<string> {
    losesAnswer()
    return (await fixture.activation.start({ ids: await fixture.activation.addLeads(1) }, options)).sessionId
  }

  /** Starts a session under the policy `hold`, whose mail becomes unconfirmed and is sent again by a person to a server that answers this. */
  async function retryOne(reply: string): Promise<string> {
    const sessionId = await startOne()
    await fixture.activation.until(sessionId, ({ mails }) => mails.unconfirmed === 1)
    answersRcpt(reply)
    await retryMails(fixture.activation.deps, sessionId, { mail: 'unconfirmed' }, actor)
    return sessionId
  }

  async function untilPending(sessionId: string, tries: number): Promise<void> {
    await expect.poll(() => mailOf(sessionId), { timeout: 10_000 }).toMatchObject({ state: 'pending', tries })
  }

  async function expectUnconfirmedByCancel(sessionId: string, tries: number): Promise<void> {
    await untilPending(sessionId, tries)
    await runCommand(fixture.activation.deps, 'cancel', sessionId, actor)
    const done = await fixture.activation.until(sessionId, ({ mails }) => mails.pending === 0)
    expect(done).toMatchObject({ status: 'cancelled', mails: { unconfirmed: 1, cancelled: 0 } })
    expect(await mailOf(sessionId)).toMatchObject({ state: 'unconfirmed', reason: 'answer_lost' })
    expect(await recounted(fixture.test, sessionId)).toMatchObject({ mails: done.mails })
    const marked = await markMailsAsSent(fixture.activation.deps, sessionId, { mail: 'unconfirmed', as: 'sent' }, actor)
    expect(marked.mails).toMatchObject({ sent: 1, unconfirmed: 0 })
  }

  it('a mail that the policy is to send again is unconfirmed, and not cancelled, when the session is cancelled before that', async () => {
    await expectUnconfirmedByCancel(await startOne({ unconfirmed: 'resend' }), 1)
  })

  it('a mail that a person sends again is unconfirmed, and not cancelled, when the session is cancelled before that', async () => {
    await expectUnconfirmedByCancel(await retryOne('450 4.2.0 later'), 2)
  })

  it('a mail that is sent again is unconfirmed again when it is refused, because the first may have arrived', async () => {
    const sessionId = await retryOne('550 5.1.1 nobody here')
    const done = await fixture.activation.until(sessionId, ({ completed }) => completed)
    expect(done.mails).toMatchObject({ unconfirmed: 1, failed: 0 })
    expect(await mailOf(sessionId)).toMatchObject({ reason: 'answer_lost', reply: '550 5.1.1 nobody here' })
  })

  it('a mail that is to be sent again counts as sent, and not as skipped, when its person has a password before that', async () => {
    const sessionId = await retryOne('450 4.2.0 later')
    await untilPending(sessionId, 2)
    await runCommand(fixture.activation.deps, 'pause', sessionId, actor)
    await fixture.test.pool.query(
      `UPDATE accounts SET status = 'active' WHERE id = (SELECT account_id FROM items WHERE session_id = $1)`,
      [sessionId],
    )
    await fixture.test.pool.query('UPDATE items SET next_try_at = now() WHERE session_id = $1', [sessionId])
    const before = fixture.smtp.mails.length
    await runCommand(fixture.activation.deps, 'resume', sessionId, actor)
    const done = await fixture.activation.until(sessionId, ({ completed }) => completed)
    expect(done.mails).toMatchObject({ sent: 1, skipped: 0 })
    expect(fixture.smtp.mails).toHaveLength(before)
    expect(await recounted(fixture.test, sessionId)).toMatchObject({ mails: done.mails })
  })

  it('a mail that is sent again is sent and no longer in doubt when the answer arrives at last', async () => {
    const sessionId = await startOne()
    await fixture.activation.until(sessionId, ({ mails }) => mails.unconfirmed === 1)
    fixture.smtp.script = () => undefined
    await retryMails(fixture.activation.deps, sessionId, { mail: 'unconfirmed' }, actor)
    const done = await fixture.activation.until(sessionId, ({ completed, mails }) => completed && mails.sent === 1)
    expect(done.mails.unconfirmed).toBe(0)
    const { rows } = await fixture.test.pool.query('SELECT in_doubt FROM items WHERE session_id = $1', [sessionId])
    expect(rows).toEqual([{ in_doubt: false }])
  })
})
