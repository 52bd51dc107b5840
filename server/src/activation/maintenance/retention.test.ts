import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { actor, createActivation, type Activation } from '../../../test/app/activation.ts'
import { createTestDatabase, type TestDatabase } from '../../../test/database/database.ts'
import { startScriptedSmtpServer, type ScriptedSmtpServer } from '../../../test/smtp/scripted-smtp-server.ts'
import { changeSettings } from '../../settings/settings.usecases.ts'
import { auditCounters } from './counter-audit.usecases.ts'
import { pageOfSessions } from '../history/session-list.usecases.ts'
import { sessionsOfLead } from '../history/lead-sessions.usecases.ts'
import { runCommand, retryMails } from '../commands/commands.usecases.ts'
import { removeStep, type RemovalStep } from './retention.usecases.ts'

const day = 86_400_000
const tables = ['sessions', 'chunks', 'snapshots', 'events', 'items', 'removals'] as const

describe('retention', () => {
  let test: TestDatabase
  let activation: Activation
  let smtp: ScriptedSmtpServer

  beforeAll(async () => {
    smtp = await startScriptedSmtpServer()
  })
  afterAll(() => smtp.stop())
  beforeEach(async () => {
    smtp.script = () => undefined
    test = await createTestDatabase()
    activation = await createActivation(test)
  })
  afterEach(async () => {
    await activation.close()
    await test.close()
  })

  const inDays = (days: number) => new Date(Date.now() + days * day)
  const keepFor = (days: number | null) => changeSettings(test.database, { retentionDays: days }, actor, new Date())

  async function rowsOfEach(sessionId?: string): Promise<Record<string, number>> {
    const counted: Record<string, number> = {}
    for (const table of tables) {
      const column = table === 'sessions' ? 'id' : 'session_id'
      const { rows } = await test.pool.query(
        `SELECT count(*)::int AS rows FROM ${table} WHERE $1::text IS NULL OR ${column} = $1`,
        [sessionId ?? null],
      )
      counted[table] = rows[0].rows
    }
    return counted
  }

  async function finished(leads: number) {
    const ids = await activation.addLeads(leads)
    const { sessionId } = await activation.start({ ids })
    const progress = await activation.until(sessionId, ({ completed }) => completed)
    return { sessionId, ids, progress }
  }

  async function removeAll(now: Date, itemsAtOnce = 5000): Promise<RemovalStep[]> {
    const steps: RemovalStep[] = []
    for (;;) {
      const step = await removeStep(test.database, now, { itemsAtOnce })
      if (step === null) return steps
      steps.push(step)
    }
  }

  const nothing = { sessions: 0, chunks: 0, snapshots: 0, events: 0, items: 0, removals: 0 }

  it('retention removes nothing until a superadmin sets an age', async () => {
    await activation.work(`${smtp.url}?connections=4&ignoreTLS=true`)
    const { sessionId } = await finished(30)
    expect(await removeAll(inDays(4000))).toEqual([])
    await keepFor(10)
    await keepFor(null)
    expect(await removeAll(inDays(4000))).toEqual([])
    expect(await rowsOfEach(sessionId)).toMatchObject({ sessions: 1, items: 30 })
  })

  it('retention removes a session whole in small steps once it is old enough, and leaves accounts, leads and the others', async () => {
    await activation.work(`${smtp.url}?connections=4&ignoreTLS=true`)
    const { sessionId, ids } = await finished(70)
    const other = await finished(5)
    await test.pool.query(`UPDATE sessions SET finished_at = finished_at + interval '2 days' WHERE id = $1`, [
      other.sessionId,
    ])
    await keepFor(10)
    expect(await removeAll(inDays(9.9))).toEqual([])
    const steps = await removeAll(inDays(10.1), 30)
    expect(steps.map(({ items, done }) => [items, done])).toEqual([
      [0, false],
      [30, false],
      [30, false],
      [10, true],
    ])
    expect(await rowsOfEach(sessionId)).toEqual(nothing)
    expect(await rowsOfEach(other.sessionId)).toMatchObject({ sessions: 1, items: 5 })
    const { rows } = await test.pool.query(
      `SELECT (SELECT count(*)::int FROM accounts) AS accounts, (SELECT count(*)::int FROM leads) AS leads`,
    )
    expect(rows).toEqual([{ accounts: 75, leads: 75 }])
    expect(await sessionsOfLead(test.database, ids[0]!)).toEqual([])
  })

  it('retention never shows a session half removed, and goes on where it was stopped', async () => {
    await activation.work(`${smtp.url}?connections=4&ignoreTLS=true`)
    const { sessionId, ids, progress } = await finished(60)
    await keepFor(1)
    const now = inDays(2)
    const before = await pageOfSessions(test.database, {})
    expect(before.items).toEqual([progress])
    for (const left of [60, 35, 10]) {
      await removeStep(test.database, now, { itemsAtOnce: 25 })
      expect((await rowsOfEach(sessionId)).items).toBe(left)
      expect(await pageOfSessions(test.database, {})).toMatchObject({ items: [], total: 0 })
      await expect(activation.progress(sessionId)).rejects.toMatchObject({ code: 'SESSION_NOT_FOUND' })
      expect(await sessionsOfLead(test.database, ids.at(-1)!)).toEqual([])
      expect(await auditCounters(test.database)).toEqual({ checked: 0, mismatches: [] })
    }
    await keepFor(null)
    expect(await removeAll(now)).toMatchObject([{ sessionId, items: 10, done: true }])
    expect(await rowsOfEach()).toEqual(nothing)
  })

  it('retention leaves sessions that are not over, and cancelled ones of which something is still pending, however old', async () => {
    const ids = await activation.addLeads(30)
    await activation.start({ ids })
    const paused = await activation.start({ ids })
    await runCommand(activation.deps, 'pause', paused.sessionId, actor)
    const cancelled = await activation.start({ ids })
    await runCommand(activation.deps, 'cancel', cancelled.sessionId, actor)
    await keepFor(1)
    expect(await removeAll(inDays(3000))).toEqual([])
    expect(await rowsOfEach()).toMatchObject({ sessions: 3, items: 90 })
  })

  it('retention removes cancelled sessions when nothing of them is pending any more', async () => {
    const ids = await activation.addLeads(30)
    const { sessionId } = await activation.start({ ids })
    await runCommand(activation.deps, 'cancel', sessionId, actor)
    await activation.work(`${smtp.url}?connections=4&ignoreTLS=true`)
    await activation.until(sessionId, ({ accounts, mails }) => accounts.pending + mails.pending === 0)
    await keepFor(1)
    expect((await removeAll(inDays(2))).at(-1)).toMatchObject({ sessionId, done: true })
    expect(await rowsOfEach()).toEqual(nothing)
  })

  it('retention either removes a session or lets a retry of it go on, whole, when both come at once', async () => {
    smtp.script = (command) => (command === 'RCPT' ? '550 5.1.1 no such user' : undefined)
    await activation.work(`${smtp.url}?connections=4&ignoreTLS=true`)
    const sessions = [await finished(30), await finished(30), await finished(30)]
    await keepFor(1)
    const now = inDays(2)
    const retries = sessions.map(({ sessionId }) =>
      retryMails(activation.deps, sessionId, { mail: 'failed' }, actor).then(
        () => 'retried',
        (error: { status: number }) => error.status,
      ),
    )
    const [outcomes] = await Promise.all([Promise.all(retries), removeAll(now, 10)])
    for (const [index, { sessionId }] of sessions.entries()) {
      expect([404, 'retried']).toContain(outcomes[index])
      if (outcomes[index] === 'retried') await activation.until(sessionId, ({ completed }) => completed)
    }
    expect((await auditCounters(test.database)).mismatches).toEqual([])
    await removeAll(now)
    expect(await rowsOfEach()).toEqual(nothing)
  })

  it('retention is the work of one node at a time', async () => {
    await activation.work(`${smtp.url}?connections=4&ignoreTLS=true`)
    await finished(10)
    await keepFor(1)
    const other = await test.pool.connect()
    await other.query('BEGIN')
    await other.query('SELECT pg_advisory_xact_lock(7665002)')
    expect(await removeAll(inDays(2))).toEqual([])
    await other.query('COMMIT')
    other.release()
    expect(await removeAll(inDays(2))).toHaveLength(2)
  })
})
