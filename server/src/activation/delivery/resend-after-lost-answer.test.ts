import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { SessionOptions } from '@rollcall/shared'
import { actor, recounted, type Activation } from '../../../test/app/activation.ts'
import type { TestDatabase } from '../../../test/database/database.ts'
import { startActivationWithMailServer } from '../../../test/smtp/activation-with-mail-server.ts'
import type { ScriptedSmtpServer } from '../../../test/smtp/scripted-smtp-server.ts'
import { pageOfItems } from '../history/item-list.usecases.ts'
import { runCommand, retryMails, markMailsAsSent } from '../commands/commands.usecases.ts'

describe('a mail whose answer was lost and that is to be sent again', () => {
  let test: TestDatabase
  let activation: Activation
  let smtp: ScriptedSmtpServer

  beforeAll(async () => {
    const sending = await startActivationWithMailServer({ connections: 2 })
    ;({ test, activation, smtp } = sending)
    return sending.close
  })
  beforeEach(() => {
    smtp.script = () => undefined
    smtp.mails.length = 0
  })

  const mailOf = async (sessionId: string) => (await pageOfItems(test.database, sessionId, {})).items[0]?.mail
  const losesAnswer = () => (smtp.script = (command) => (command === 'DOT' ? { drop: 'rst' } : undefined))
  const answersRcpt = (reply: string) => (smtp.script = (command) => (command === 'RCPT' ? reply : undefined))

  async function startOne(options?: SessionOptions): Promise<string> {
    losesAnswer()
    return (await activation.start({ ids: await activation.addLeads(1) }, options)).sessionId
  }

  /** Starts a session under the policy `hold`, whose mail becomes unconfirmed and is sent again by a person to a server that answers this. */
  async function retryOne(reply: string): Promise<string> {
    const sessionId = await startOne()
    await activation.until(sessionId, ({ mails }) => mails.unconfirmed === 1)
    answersRcpt(reply)
    await retryMails(activation.deps, sessionId, { mail: 'unconfirmed' }, actor)
    return sessionId
  }

  async function untilPending(sessionId: string, tries: number): Promise<void> {
    await expect.poll(() => mailOf(sessionId), { timeout: 10_000 }).toMatchObject({ state: 'pending', tries })
  }

  async function expectUnconfirmedByCancel(sessionId: string, tries: number): Promise<void> {
    await untilPending(sessionId, tries)
    await runCommand(activation.deps, 'cancel', sessionId, actor)
    const done = await activation.until(sessionId, ({ mails }) => mails.pending === 0)
    expect(done).toMatchObject({ status: 'cancelled', mails: { unconfirmed: 1, cancelled: 0 } })
    expect(await mailOf(sessionId)).toMatchObject({ state: 'unconfirmed', reason: 'answer_lost' })
    expect(await recounted(test, sessionId)).toMatchObject({ mails: done.mails })
    const marked = await markMailsAsSent(activation.deps, sessionId, { mail: 'unconfirmed', as: 'sent' }, actor)
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
    const done = await activation.until(sessionId, ({ completed }) => completed)
    expect(done.mails).toMatchObject({ unconfirmed: 1, failed: 0 })
    expect(await mailOf(sessionId)).toMatchObject({ reason: 'answer_lost', reply: '550 5.1.1 nobody here' })
  })

  it('a mail that is to be sent again counts as sent, and not as skipped, when its person has a password before that', async () => {
    const sessionId = await retryOne('450 4.2.0 later')
    await untilPending(sessionId, 2)
    await runCommand(activation.deps, 'pause', sessionId, actor)
    await test.pool.query(
      `UPDATE accounts SET status = 'active' WHERE id = (SELECT account_id FROM items WHERE session_id = $1)`,
      [sessionId],
    )
    await test.pool.query('UPDATE items SET next_try_at = now() WHERE session_id = $1', [sessionId])
    const before = smtp.mails.length
    await runCommand(activation.deps, 'resume', sessionId, actor)
    const done = await activation.until(sessionId, ({ completed }) => completed)
    expect(done.mails).toMatchObject({ sent: 1, skipped: 0 })
    expect(smtp.mails).toHaveLength(before)
    expect(await recounted(test, sessionId)).toMatchObject({ mails: done.mails })
  })

  it('a mail that is sent again is sent and no longer in doubt when the answer arrives at last', async () => {
    const sessionId = await startOne()
    await activation.until(sessionId, ({ mails }) => mails.unconfirmed === 1)
    smtp.script = () => undefined
    await retryMails(activation.deps, sessionId, { mail: 'unconfirmed' }, actor)
    const done = await activation.until(sessionId, ({ completed, mails }) => completed && mails.sent === 1)
    expect(done.mails.unconfirmed).toBe(0)
    const { rows } = await test.pool.query('SELECT in_doubt FROM items WHERE session_id = $1', [sessionId])
    expect(rows).toEqual([{ in_doubt: false }])
  })
})
