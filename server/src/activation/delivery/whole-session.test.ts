import { describe, expect, it } from 'vitest'
import { newSessionId, actor, template, recounted } from '../../../test/app/activation.ts'
import { tokenInMail } from '../../../test/smtp/mail-token.ts'
import { useActivationWithMailServer } from '../../../test/smtp/activation-with-mail-server.ts'
import { readSnapshots } from '../session/progress.queries.ts'
import { sessionDetail } from '../history/session-detail.usecases.ts'
import { previewSelection } from '../starting/preview.usecases.ts'
import { pageOfItems } from '../history/item-list.usecases.ts'
import { retryMails } from '../commands/commands.usecases.ts'
import { startSession } from '../starting/start.usecases.ts'

describe('a session', () => {
  const fixture = useActivationWithMailServer({ connections: 4 })

  it('a session creates one account and sends one mail for each lead, and its counters equal a recount of its items', async () => {
    const ids = await fixture.activation.addLeads(120)
    const { sessionId } = await fixture.activation.start({ ids })
    const progress = await fixture.activation.until(sessionId, ({ completed }) => completed)
    expect(progress).toMatchObject({
      status: 'completed',
      total: 120,
      accounts: { created: 120, existing: 0, failed: 0, cancelled: 0, pending: 0 },
      mails: { sent: 120, failed: 0, unconfirmed: 0, skipped: 0, cancelled: 0, pending: 0 },
    })
    expect(await recounted(fixture.test, sessionId)).toEqual({
      total: 120,
      accounts: progress.accounts,
      mails: progress.mails,
    })
    expect(new Set(fixture.smtp.mails.map((mail) => mail.to[0])).size).toBe(120)
    expect(fixture.smtp.mails).toHaveLength(120)
  })

  it('a session has its items in the order of the ids of their leads, whatever order they were chosen in: a search goes by it', async () => {
    const ids = (await fixture.activation.addLeads(20)).toSorted()
    await fixture.test.pool.query(
      `UPDATE leads SET created_at = created_at - interval '1 s' * position
      FROM unnest($1::uuid[]) WITH ORDINALITY AS each(id, position) WHERE leads.id = each.id`,
      [ids],
    )
    for (const selection of [{ ids: ids.toReversed() }, { filter: {} }]) {
      const { sessionId } = await fixture.activation.start(selection, { mail: false })
      await fixture.activation.until(sessionId, ({ completed }) => completed)
      const { rows } = await fixture.test.pool.query<{ lead_id: string }>(
        'SELECT lead_id FROM items WHERE session_id = $1 ORDER BY position',
        [sessionId],
      )
      const order = rows.map((row) => row.lead_id)
      expect(order.filter((id) => ids.includes(id))).toEqual(ids)
      expect(order).toEqual(order.toSorted())
    }
  })

  it('a session mails a lead that is in two sessions once, and says so in the second', async () => {
    const ids = await fixture.activation.addLeads(30)
    const first = await fixture.activation.start({ ids })
    const second = await fixture.activation.start({ ids: ids.slice(0, 10) })
    await fixture.activation.until(first.sessionId, ({ completed }) => completed)
    const done = await fixture.activation.until(second.sessionId, ({ completed }) => completed)
    expect(fixture.smtp.mails).toHaveLength(30)
    const page = await pageOfItems(fixture.test.database, second.sessionId, { mail: 'skipped' })
    expect(page.items.every((item) => item.mail.reason === 'already_invited')).toBe(true)
    expect(done.accounts.existing + (await fixture.activation.progress(first.sessionId)).accounts.existing).toBe(10)
  })

  it('a session mails those invited earlier again when it is a reminder, with the same link', async () => {
    const ids = await fixture.activation.addLeads(3)
    const first = await fixture.activation.start({ ids })
    await fixture.activation.until(first.sessionId, ({ completed }) => completed)
    const reminder = await fixture.activation.start({ ids }, { remind: true })
    const done = await fixture.activation.until(reminder.sessionId, ({ completed }) => completed)
    expect(done).toMatchObject({ accounts: { existing: 3 }, mails: { sent: 3 } })
    expect(fixture.smtp.mails).toHaveLength(6)
    expect(new Set(fixture.smtp.mails.map(({ raw }) => tokenInMail(raw))).size).toBe(3)
  })

  it('a session starts once when twenty identical requests arrive together', async () => {
    const ids = await fixture.activation.addLeads(40)
    const request = { sessionId: newSessionId(), selection: { ids }, options: { mail: true } }
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => startSession(fixture.activation.deps, request, { actor, template })),
    )
    expect(answers.filter(({ started }) => started)).toHaveLength(1)
    expect(new Set(answers.map(({ progress }) => progress.sessionId))).toEqual(new Set([request.sessionId]))
    await fixture.activation.until(request.sessionId, ({ completed }) => completed)
    expect(fixture.smtp.mails).toHaveLength(40)
    const detail = await sessionDetail(fixture.test.database, request.sessionId)
    expect(detail.events.filter(({ type }) => type === 'started')).toHaveLength(1)
  })

  it('a session refuses the same id with another body, an empty selection and leads that do not exist, and stores nothing', async () => {
    const ids = await fixture.activation.addLeads(2)
    const sessionId = newSessionId()
    await startSession(fixture.activation.deps, { sessionId, selection: { ids } }, { actor, template })
    const again = (selection: { ids: string[] }, id?: string) =>
      startSession(fixture.activation.deps, { sessionId: id, selection }, { actor, template })
    await expect(again({ ids: ids.slice(1) }, sessionId)).rejects.toMatchObject({ code: 'SESSION_EXISTS' })
    const empty = newSessionId()
    await expect(again({ ids: [] }, empty)).rejects.toMatchObject({ code: 'EMPTY_SELECTION' })
    await expect(again({ ids: [crypto.randomUUID()] }, empty)).rejects.toMatchObject({
      code: 'LEADS_NOT_FOUND',
    })
    await expect(fixture.activation.progress(empty)).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' })
  })

  it('a preview says exactly what a session will do', async () => {
    const invited = await fixture.activation.addLeads(5)
    const first = await fixture.activation.start({ ids: invited })
    await fixture.activation.until(first.sessionId, ({ completed }) => completed)
    const fresh = await fixture.activation.addLeads(7)
    const selection = { ids: [...invited, ...fresh] }
    const preview = await previewSelection(fixture.test.database, selection, new Date())
    expect(preview).toMatchObject({ total: 12, willCreate: 7, invited: 5, active: 0, invalid: 0, recentlyMailed: 5 })
    expect(preview.sample).toHaveLength(5)
    const session = await fixture.activation.start(selection)
    const done = await fixture.activation.until(session.sessionId, ({ completed }) => completed)
    expect(done).toMatchObject({ accounts: { created: 7, existing: 5 }, mails: { sent: 7, skipped: 5 } })
  })

  it('a session creates accounts without a mail when mails are off', async () => {
    const ids = await fixture.activation.addLeads(4)
    const { sessionId } = await fixture.activation.start({ ids }, { mail: false })
    const done = await fixture.activation.until(sessionId, ({ completed }) => completed)
    expect(done).toMatchObject({ accounts: { created: 4 }, mails: { skipped: 4, sent: 0 } })
    expect(fixture.smtp.mails).toHaveLength(0)
  })

  it('a session keeps refused mails with the words of the server, and sends them again on request', async () => {
    const ids = await fixture.activation.addLeads(6)
    fixture.smtp.script = (command, { to, line }) =>
      command === 'RCPT' && /person\.[12]@/i.test(line + to.join()) ? '550 5.1.1 No such user here' : undefined
    const { sessionId } = await fixture.activation.start({ ids })
    const first = await fixture.activation.until(sessionId, ({ completed }) => completed)
    expect(first.mails).toMatchObject({ sent: 4, failed: 2 })
    const { items } = await pageOfItems(fixture.test.database, sessionId, { mail: 'failed', reason: 'address_refused' })
    expect(items).toHaveLength(2)
    expect(items[0]?.mail.reply).toContain('No such user here')
    fixture.smtp.script = () => undefined
    await retryMails(fixture.activation.deps, sessionId, { mail: 'failed' }, actor)
    const second = await fixture.activation.until(sessionId, ({ completed, mails }) => completed && mails.sent === 6)
    expect(second.mails.failed).toBe(0)
    await expect(retryMails(fixture.activation.deps, sessionId, { mail: 'failed' }, actor)).rejects.toMatchObject({
      code: 'NOTHING_TO_RETRY',
    })
  })

  it('a session calls a mail unconfirmed when the answer after the dot is lost, and does not send it again by itself', async () => {
    const ids = await fixture.activation.addLeads(3)
    let lost = 0
    fixture.smtp.script = (command) => (command === 'DOT' && lost++ === 0 ? { drop: 'rst' } : undefined)
    const { sessionId } = await fixture.activation.start({ ids })
    const done = await fixture.activation.until(sessionId, ({ completed }) => completed)
    expect(done.mails).toMatchObject({ sent: 2, unconfirmed: 1 })
    const { items } = await pageOfItems(fixture.test.database, sessionId, { mail: 'unconfirmed' })
    expect(items[0]?.mail.reason).toBe('answer_lost')
  })

  it('a session fails one mail that cannot be made alone, with its reason, and sends the others', async () => {
    const ids = await fixture.activation.addLeads(5)
    await fixture.test.pool.query(`UPDATE leads SET email = 'two@a.example,three@b.example.test' WHERE id = $1`, [
      ids[0],
    ])
    const { sessionId } = await fixture.activation.start({ ids: ids.slice(1) })
    await fixture.test.pool.query(
      `UPDATE items SET email = 'not one address' WHERE session_id = $1 AND lead_id = $2 AND mail_state = 'pending'`,
      [sessionId, ids[1]],
    )
    const done = await fixture.activation.until(sessionId, ({ completed }) => completed)
    expect(done.mails.sent + done.mails.failed).toBe(4)
    const refused = await fixture.activation.start({ ids: ids.slice(0, 1) })
    const second = await fixture.activation.until(refused.sessionId, ({ completed }) => completed)
    expect(second).toMatchObject({ accounts: { failed: 1 }, mails: { skipped: 1 } })
  })

  it('a session does not mail somebody who has set a password meanwhile', async () => {
    const ids = await fixture.activation.addLeads(3)
    const { sessionId } = await fixture.activation.start({ ids }, { delaySeconds: 1 })
    await fixture.activation.until(sessionId, ({ accounts }) => accounts.created === 3)
    await fixture.test.pool.query(`UPDATE accounts SET status = 'active' WHERE lead_id = $1`, [ids[0]])
    const done = await fixture.activation.until(sessionId, ({ completed }) => completed)
    expect(done.mails).toMatchObject({ sent: 2, skipped: 1 })
  })

  it('a session of ten leads is done before one of a thousand that was started earlier', async () => {
    const many = await fixture.activation.addLeads(1000)
    const few = await fixture.activation.addLeads(10)
    const { rows } = await fixture.test.pool.query<{ email: string }>('SELECT email FROM leads WHERE id = ANY($1)', [
      many,
    ])
    const ofMany = new Set(rows.map(({ email }) => email))
    fixture.smtp.script = (command, { to }) => (command === 'DOT' && ofMany.has(to.join()) ? { delay: 20 } : undefined)
    const large = await fixture.activation.start({ ids: many })
    const small = await fixture.activation.start({ ids: few })
    await fixture.activation.until(small.sessionId, ({ completed }) => completed)
    expect((await fixture.activation.progress(large.sessionId)).mails.pending).toBeGreaterThan(500)
    fixture.smtp.script = () => undefined
    await fixture.activation.until(large.sessionId, ({ completed }) => completed)
  })

  it('a session stores snapshots whose numbers add up, in the order of their versions, the last of them final', async () => {
    const ids = await fixture.activation.addLeads(60)
    const { sessionId } = await fixture.activation.start({ ids })
    const done = await fixture.activation.until(sessionId, ({ completed }) => completed)
    const snapshots = await readSnapshots(fixture.test.database, sessionId, 500)
    expect(Number(snapshots[0]?.version)).toBe(1)
    expect(Number(snapshots.at(-1)?.version)).toBe(done.version)
    expect(snapshots.at(-1)?.status).toBe('completed')
    const versions = snapshots.map((row) => Number(row.version))
    expect(versions).toEqual(versions.toSorted((a, b) => a - b))
  })
})
