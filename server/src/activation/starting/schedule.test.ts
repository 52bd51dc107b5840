import { describe, expect, it } from 'vitest'
import { actor, template } from '../../../test/app/activation.ts'
import { useActivationWithMailServer } from '../../../test/smtp/activation-with-mail-server.ts'
import { sessionDetail } from '../history/session-detail.usecases.ts'
import { startDueSession } from './due.usecases.ts'
import { runCommand } from '../commands/commands.usecases.ts'
import { startSession } from './start.usecases.ts'

const hour = 3_600_000

describe('a session with a start time', () => {
  const fixture = useActivationWithMailServer({ connections: 2 })

  const inAnHour = () => new Date(Date.now() + hour)
  const asOf = (time: Date) => ({ ...fixture.activation.deps, now: () => time })
  const schedule = async (startAt: Date) =>
    fixture.activation.start({ ids: await fixture.activation.addLeads(5) }, { startAt: startAt.toISOString() })

  it('a session with a start time does nothing before its time, then runs', async () => {
    const startAt = inAnHour()
    const { sessionId, status } = await schedule(startAt)
    expect(status).toBe('scheduled')
    expect((await fixture.activation.progress(sessionId)).accounts.pending).toBe(5)
    await startDueSession(asOf(startAt), sessionId)
    const done = await fixture.activation.until(sessionId, ({ completed }) => completed)
    expect(done.mails.sent).toBe(5)
  })

  it('a session with a start time starts by itself when the time comes', async () => {
    const ids = await fixture.activation.addLeads(5)
    const startAt = new Date(Date.now() + 3000).toISOString()
    const { sessionId } = await fixture.activation.start({ ids }, { startAt })
    await fixture.activation.until(sessionId, ({ completed }) => completed)
  })

  it('a session with a start time waits for a person when its time passed while nothing was running', async () => {
    const startAt = inAnHour()
    const { sessionId } = await schedule(startAt)
    await startDueSession(asOf(new Date(startAt.getTime() + hour)), sessionId)
    const held = await fixture.activation.progress(sessionId)
    expect(held).toMatchObject({ status: 'held', reason: 'late_start', accounts: { pending: 5 } })
    await runCommand(fixture.activation.deps, 'resume', sessionId, actor)
    await fixture.activation.until(sessionId, ({ completed }) => completed)
  })

  it('a session with a start time can be cancelled before its time, and then never starts', async () => {
    const startAt = inAnHour()
    const { sessionId } = await schedule(startAt)
    await runCommand(fixture.activation.deps, 'cancel', sessionId, actor)
    await startDueSession(asOf(startAt), sessionId)
    const done = await fixture.activation.until(sessionId, ({ mails }) => mails.cancelled === 5)
    expect(done).toMatchObject({ status: 'cancelled', accounts: { cancelled: 5 } })
  })

  it('a session cannot start in the past', async () => {
    const ids = await fixture.activation.addLeads(1)
    const request = { selection: { ids }, options: { startAt: new Date(Date.now() - 1000).toISOString() } }
    await expect(startSession(fixture.activation.deps, request, { actor, template })).rejects.toMatchObject({
      code: 'START_IN_THE_PAST',
    })
  })

  it('a session with a delay mails nobody before it is over, and nobody at all when it is cancelled in that time', async () => {
    const before = fixture.smtp.mails.length
    const { sessionId } = await fixture.activation.start(
      { ids: await fixture.activation.addLeads(4) },
      { delaySeconds: 3600 },
    )
    await fixture.activation.until(sessionId, ({ accounts }) => accounts.created === 4)
    await runCommand(fixture.activation.deps, 'cancel', sessionId, actor)
    const done = await fixture.activation.until(sessionId, ({ mails }) => mails.pending === 0)
    expect(done.mails).toMatchObject({ cancelled: 4, sent: 0 })
    expect(fixture.smtp.mails).toHaveLength(before)
  })

  async function expectWholeDelay(begin: (sessionId: string, time: Date) => Promise<unknown>): Promise<void> {
    const options = { startAt: inAnHour().toISOString(), delaySeconds: 600 }
    const { sessionId } = await fixture.activation.start({ ids: await fixture.activation.addLeads(3) }, options)
    const time = new Date(Date.now() + 5 * 60_000)
    await begin(sessionId, time)
    await fixture.activation.until(sessionId, ({ accounts }) => accounts.created === 3)
    const { rows } = await fixture.test.pool.query<{ mail_not_before: Date }>(
      'SELECT mail_not_before FROM sessions WHERE id = $1',
      [sessionId],
    )
    expect(rows[0]?.mail_not_before.getTime()).toBe(time.getTime() + 600_000)
    await runCommand(fixture.activation.deps, 'pause', sessionId, actor)
    await runCommand(fixture.activation.deps, 'resume', sessionId, actor)
    const later = await fixture.test.pool.query('SELECT mail_not_before FROM sessions WHERE id = $1', [sessionId])
    expect(later.rows).toEqual(rows)
    await runCommand(fixture.activation.deps, 'cancel', sessionId, actor)
  }

  it('a session waits for the whole delay before its first mail, counted from when its time came', () =>
    expectWholeDelay((sessionId, time) => startDueSession(asOf(time), sessionId)))

  it('a session waits for the whole delay before its first mail, counted from when a person started it before its time', () =>
    expectWholeDelay(async (sessionId, time) => {
      await runCommand(fixture.activation.deps, 'pause', sessionId, actor)
      await runCommand(asOf(time), 'resume', sessionId, actor)
    }))

  it('a session waits for the whole delay before its first mail, counted from when a person let it start late', () =>
    expectWholeDelay(async (sessionId, time) => {
      await startDueSession(asOf(new Date(time.getTime() + 2 * hour)), sessionId)
      await runCommand(asOf(time), 'resume', sessionId, actor)
    }))

  it('a session ends in one of the two outcomes when two people press different buttons at once', async () => {
    for (let round = 0; round < 10; round += 1) {
      const { sessionId } = await fixture.activation.start(
        { ids: await fixture.activation.addLeads(3) },
        { delaySeconds: 3600 },
      )
      const [paused, cancelled] = await Promise.allSettled([
        runCommand(fixture.activation.deps, 'pause', sessionId, actor),
        runCommand(fixture.activation.deps, 'cancel', sessionId, { id: 'staff-2', name: 'Grace' }),
      ])
      const { progress, events } = await sessionDetail(fixture.test.database, sessionId)
      const types = events.map(({ type }) => type).filter((type) => type === 'paused' || type === 'cancelled')
      expect(progress.status).toBe('cancelled')
      expect(cancelled.status).toBe('fulfilled')
      expect(types).toEqual(paused.status === 'fulfilled' ? ['paused', 'cancelled'] : ['cancelled'])
    }
  })
})
