import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Value } from 'typebox/value'
import { Progress, SessionEvent, type ServerFrame } from '@rollcall/shared'
import { actor, until } from '../../test/app/activation.ts'
import { createTestApp, framesOf, openNoBus, openWatcher } from '../../test/app/app.ts'
import { setUpLiveApp } from '../../test/app/live.ts'
import { runCommand } from '../activation/commands/commands.usecases.ts'

const own = 'http://localhost:3000'
const live = setUpLiveApp()
const { watch, pausedSession, raiseVersion } = live

describe('a room', () => {
  it('a subscriber is sent the progress at once, and again at every change until it is completed', async () => {
    const ids = await live.app.activation.addLeads(40)
    // The mail server accepts the first 20 mails after the watcher's first frame and the others after a later frame, so the watcher sees the session begin, run and end.
    const [seenAtFirst, seenAgain] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    let dots = 0
    live.smtp.script = (command) =>
      command === 'DOT' ? { after: (dots++ < 20 ? seenAtFirst : seenAgain).promise } : undefined
    const { sessionId } = await live.app.activation.start({ ids })
    const watcher = await watch()
    watcher.send({ type: 'subscribe', sessionId })
    await watcher.progress(sessionId)
    seenAtFirst.resolve()
    await watcher.progress(sessionId, ({ mails }) => mails.sent > 0)
    seenAgain.resolve()
    const last = await watcher.progress(sessionId, ({ completed }) => completed)
    const progresses = framesOf(watcher, 'progress').map(({ data }) => data)
    expect(progresses.length).toBeGreaterThan(2)
    expect(progresses.every((each) => Value.Check(Progress, each))).toBe(true)
    const versions = progresses.map(({ version }) => version)
    expect(versions).toEqual([...new Set(versions)].toSorted((a, b) => a - b))
    for (const { accounts, mails, total } of progresses) {
      expect(Object.values(accounts).reduce((sum, each) => sum + each)).toBe(total)
      expect(Object.values(mails).reduce((sum, each) => sum + each)).toBe(total)
    }
    expect(last).toEqual(await live.app.activation.progress(sessionId))
  })

  it('subscribing to an unknown session is answered with an error frame, whatever its id looks like, and the connection stays open', async () => {
    const watcher = await watch()
    const unknown = ['activation_1704123456789_a7bc3d2f1', 'nonsense', '\0', '%00', "'; --", '../..']
    for (const sessionId of unknown) watcher.send({ type: 'subscribe', sessionId })
    const errors = await until(
      async () => framesOf(watcher, 'error'),
      (frames) => frames.length === unknown.length,
    )
    expect(errors.every(({ code }) => code === 'SESSION_NOT_FOUND')).toBe(true)
    expect(new Set(errors.map(({ sessionId }) => sessionId))).toEqual(new Set(unknown))
    const sessionId = await pausedSession()
    watcher.send({ type: 'subscribe', sessionId })
    await watcher.progress(sessionId)
  })

  it('a connection carries many rooms, and nothing more of a room once it has left it', async () => {
    const sessions = await Promise.all(Array.from({ length: 5 }, () => pausedSession()))
    const watcher = await watch()
    for (const sessionId of sessions) watcher.send({ type: 'subscribe', sessionId })
    for (const sessionId of sessions) await watcher.progress(sessionId)
    const [left, ...others] = sessions as [string, ...string[]]
    watcher.send({ type: 'unsubscribe', sessionId: left })
    // A frame is answered after those before it.
    watcher.send('not JSON')
    await watcher.frame((frame) => frame.type === 'error')
    const raised = new Map<string, number>()
    for (const sessionId of sessions) raised.set(sessionId, await raiseVersion(sessionId))
    live.app.rooms.publish(sessions, false)
    for (const sessionId of others)
      await watcher.progress(sessionId, ({ version }) => version === raised.get(sessionId))
    const ofLeft = framesOf(watcher, 'progress').filter(({ data }) => data.sessionId === left)
    expect(ofLeft).toHaveLength(1)
  })

  it('changes are merged to at most ten frames a second, and the last is always sent', async () => {
    const sessionId = await pausedSession()
    const watcher = await watch()
    watcher.send({ type: 'subscribe', sessionId })
    await watcher.progress(sessionId)
    const before = watcher.frames.length
    const begun = performance.now()
    let newest = 0
    // The loop also waits for some frames on a slow machine, because without them merged frames look like frames that were never sent.
    while (performance.now() - begun < 1000 || watcher.frames.length - before <= 3) {
      newest = await raiseVersion(sessionId)
      live.app.rooms.publish([sessionId], false)
      await wait(1)
    }
    await watcher.progress(sessionId, ({ version }) => version === newest)
    const seconds = (performance.now() - begun) / 1000
    const frames = watcher.frames.slice(before)
    expect(frames.length).toBeGreaterThan(3)
    expect(frames.length).toBeLessThanOrEqual(Math.ceil(seconds * 10) + 1)
  })

  it('a change of status is sent at once with its event, also between two merged frames', async () => {
    // A merged change is sent at the end of the interval, and so not within the test.
    const app = await createTestApp({ openBus: openNoBus, mergeInterval: () => 600_000 })
    onTestFinished(() => app.close())
    const startAt = new Date(Date.now() + 3_600_000).toISOString()
    const { sessionId } = await app.activation.start({ ids: await app.activation.addLeads(3) }, { startAt })
    const watcher = await app.watch()
    watcher.send({ type: 'subscribe', sessionId })
    await watcher.progress(sessionId)
    app.rooms.publish([sessionId], false)
    await runCommand(app.activation.deps, 'cancel', sessionId, actor)
    await watcher.progress(sessionId, ({ status }) => status === 'cancelled')
    const { data } = await watcher.frame((frame) => frame.type === 'event')
    expect(Value.Check(SessionEvent, data)).toBe(true)
    expect(data).toMatchObject({ type: 'cancelled', actor, cause: null })
  })

  it('each subscriber is sent every event once and in order, and none from before it joined', async () => {
    // The mail server accepts no mail, so the session cannot end, before the late watcher has joined.
    const bothAreThere = Promise.withResolvers<void>()
    live.smtp.script = (command) => (command === 'DOT' ? { after: bothAreThere.promise } : undefined)
    const sessionId = await pausedSession()
    const early = await watch()
    early.send({ type: 'subscribe', sessionId })
    await early.progress(sessionId)
    await runCommand(live.app.activation.deps, 'resume', sessionId, actor)
    await until(
      async () => framesOf(early, 'event').map(({ data }) => data.type),
      (types) => types.includes('resumed'),
    )
    const late = await watch()
    late.send({ type: 'subscribe', sessionId })
    await late.progress(sessionId)
    bothAreThere.resolve()
    const done = (frame: ServerFrame): frame is Extract<ServerFrame, { type: 'event' }> =>
      frame.type === 'event' && frame.data.type === 'completed'
    await early.frame(done)
    await late.frame(done)
    const stored = (await live.app.call<{ events: SessionEvent[] }>('GET', `/crm/activation/sessions/${sessionId}`))
      .data.events
    const seen = framesOf(early, 'event').map(({ data }) => data)
    expect(seen).toEqual(stored.filter(({ type }) => !['started', 'paused'].includes(type)))
    const lateTypes = framesOf(late, 'event').map(({ data }) => data.type)
    expect(lateTypes).toEqual([...new Set(lateTypes)])
    expect(lateTypes).not.toContain('paused')
  })
})

describe('the list of sessions that run', () => {
  it('the list of sessions is sent at once, and again to a tab that was open already when a session starts and when it ends', async () => {
    const watcher = await watch({ cookie: live.app.staff.support.cookie, origin: own })
    watcher.send({ type: 'subscribe', room: 'active' })
    await watcher.frame((frame) => frame.type === 'active')
    const sessionId = await pausedSession()
    const lists = (frame: ServerFrame): frame is Extract<ServerFrame, { type: 'active' }> =>
      frame.type === 'active' && frame.data.some((each) => each.sessionId === sessionId)
    const { data } = await watcher.frame(lists)
    expect(data.every((each) => Value.Check(Progress, each) && !each.completed)).toBe(true)
    const from = watcher.frames.length
    await runCommand(live.app.activation.deps, 'cancel', sessionId, actor)
    const after = await watcher.frame((frame) => frame.type === 'active', from)
    expect(after.data.map((each) => each.sessionId)).not.toContain(sessionId)
  })

  it('the list of sessions is sent again to whoever asks again', async () => {
    const watcher = await watch()
    for (let asked = 1; asked <= 3; asked++) {
      watcher.send({ type: 'subscribe', room: 'active' })
      await until(
        async () => framesOf(watcher, 'active').length,
        (count) => count === asked,
      )
    }
  })
})

describe('two nodes on one database', () => {
  it('two nodes on one database send the same changes to their subscribers', async () => {
    const second = await live.app.another()
    const here = await watch()
    const there = await second.watch()
    live.closeAfterwards(there)
    const ids = await live.app.activation.addLeads(30)
    for (const watcher of [here, there]) watcher.send({ type: 'subscribe', room: 'active' })
    await there.frame((frame) => frame.type === 'active')
    const { sessionId } = await live.app.activation.start({ ids })
    for (const watcher of [here, there]) watcher.send({ type: 'subscribe', sessionId })
    const last = await there.progress(sessionId, ({ completed }) => completed)
    expect(await here.progress(sessionId, ({ completed }) => completed)).toEqual(last)
    const seen = new Map(framesOf(here, 'progress').map(({ data }) => [data.version, data]))
    for (const { data } of framesOf(there, 'progress'))
      if (seen.has(data.version)) expect(data).toEqual(seen.get(data.version))
  })
})

it('a client that disconnects while its room is being read is in no room afterwards', async () => {
  const sessionId = await pausedSession()
  const before = await live.app.test.pool.connect()
  await before.query('BEGIN')
  await before.query('LOCK TABLE events IN ACCESS EXCLUSIVE MODE')
  const watcher = await openWatcher(live.app.url, { 'x-api-key': live.app.staff.admin.key })
  watcher.send({ type: 'subscribe', sessionId })
  await until(
    async () =>
      (
        await live.app.test.pool.query(
          `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%events%'`,
        )
      ).rowCount,
    (count) => count === 1,
  )
  watcher.close()
  await watcher.closed
  await before.query('COMMIT')
  before.release()
  await until(
    async () => live.app.rooms.size,
    (size) => size === 0,
  )
})
