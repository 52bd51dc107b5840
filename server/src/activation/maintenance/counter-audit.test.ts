import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { pino } from 'pino'
import { afterEach, describe, expect, it } from 'vitest'
import { makeFolder } from '../../../test/process/folder.ts'
import { createTestDatabase } from '../../../test/database/database.ts'
import { useActivationWithMailServer } from '../../../test/smtp/activation-with-mail-server.ts'
import { createWorkerApp } from '../../app.ts'
import { openPool } from '../../db/database.ts'
import { startEmbeddedPostgres } from '../../db/embedded.ts'
import { migrateDatabase } from '../../migrate-database.ts'
import { auditCounters, auditWhenDue } from './counter-audit.usecases.ts'

const hour = 3_600_000

/** Runs what `npm run check:counters` runs, with this environment. */
function runCommand(environment: Record<string, string>): Promise<{ code: number; said: string; complained: string }> {
  const script = path.join(import.meta.dirname, 'counter-audit.command.ts')
  const env = { PATH: process.env.PATH, ...environment }
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [script], { env }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, said: stdout, complained: stderr }),
    )
  })
}

describe('the counter audit', () => {
  const fixture = useActivationWithMailServer({ connections: 4 })
  // Rows are deleted in the order in which workers lock them, because a worker may still be releasing the last chunk.
  afterEach(() => fixture.test.pool.query('DELETE FROM chunks; DELETE FROM sessions; DELETE FROM checks'))

  async function finished(leads = 20): Promise<string> {
    const { sessionId } = await fixture.activation.start({ ids: await fixture.activation.addLeads(leads) })
    await fixture.activation.until(sessionId, ({ completed }) => completed)
    return sessionId
  }
  const loseItem = (sessionId: string) =>
    fixture.test.pool.query(`UPDATE items SET mail_state = 'failed' WHERE session_id = $1 AND position = 1`, [
      sessionId,
    ])
  const restoreItem = (sessionId: string) =>
    fixture.test.pool.query(`UPDATE items SET mail_state = 'sent' WHERE session_id = $1 AND position = 1`, [sessionId])

  it('the counter audit finds each session whose counters are not what its items say, and names the counters', async () => {
    const ids = [await finished(), await finished(), await finished()]
    expect(await auditCounters(fixture.test.database)).toEqual({ checked: 3, mismatches: [] })
    await loseItem(ids[1]!)
    await fixture.test.pool.query(`DELETE FROM items WHERE session_id = $1 AND position > 18`, [ids[2]])
    const { checked, mismatches } = await auditCounters(fixture.test.database)
    expect(checked).toBe(3)
    expect(new Set(mismatches.map(({ sessionId }) => sessionId))).toEqual(new Set([ids[1], ids[2]]))
    expect(mismatches.find(({ sessionId }) => sessionId === ids[1])?.counters).toEqual([
      { counter: 'mails.sent', stored: 20, counted: 19 },
      { counter: 'mails.failed', stored: 0, counted: 1 },
    ])
    expect(mismatches.find(({ sessionId }) => sessionId === ids[2])?.counters).toEqual([
      { counter: 'total', stored: 20, counted: 18 },
      { counter: 'accounts.created', stored: 20, counted: 18 },
      { counter: 'mails.sent', stored: 20, counted: 18 },
    ])
  })

  it('the counter audit finds nothing wrong at any moment of a session that runs', async () => {
    fixture.smtp.script = (command) => (command === 'DOT' ? { delay: 3 } : undefined)
    const { sessionId } = await fixture.activation.start({ ids: await fixture.activation.addLeads(200) })
    const seen = new Set<number>()
    for (;;) {
      const { completed, mails } = await fixture.activation.progress(sessionId)
      expect(await auditCounters(fixture.test.database)).toEqual({ checked: 1, mismatches: [] })
      seen.add(mails.pending)
      if (completed) break
    }
    fixture.smtp.script = () => undefined
    expect(seen.size).toBeGreaterThan(5)
  })

  it('the counter audit goes through any number of sessions, a page after the other', async () => {
    await fixture.test.pool.query(
      `INSERT INTO sessions (id, status, total, accounts_pending, mails_pending, selection, options, request_digest, template,
         started_by_id, started_by_name, created_at, updated_at, snapshot_at)
       SELECT 'activation_' || n, 'paused', CASE WHEN n % 100 = 0 THEN 1 ELSE 0 END, CASE WHEN n % 100 = 0 THEN 1 ELSE 0 END,
         CASE WHEN n % 100 = 0 THEN 1 ELSE 0 END, '{}', '{}', '', '{}', '', '', now(), now(), now() FROM generate_series(1, 1050) n`,
    )
    const { checked, mismatches } = await auditCounters(fixture.test.database)
    expect({ checked, mismatches: mismatches.length }).toEqual({ checked: 1050, mismatches: 10 })
  })

  it('the counter audit is made once an hour whoever is there, of what changed since, and of what disagreed until it agrees', async () => {
    const [first, second] = [await finished(), await finished()]
    await loseItem(first)
    const now = new Date()
    const later = (hours: number) => new Date(now.getTime() + hours * hour)
    const both = await Promise.all([auditWhenDue(fixture.test.database, now), auditWhenDue(fixture.test.database, now)])
    expect(both.filter(({ audit }) => audit !== null)).toMatchObject([{ audit: { checked: 2 }, disagreeing: 1 }])
    expect(await auditWhenDue(fixture.test.database, later(0.9))).toEqual({ audit: null, disagreeing: 1 })
    await fixture.test.pool.query(`UPDATE sessions SET updated_at = updated_at - interval '1 day'`)
    expect(await auditWhenDue(fixture.test.database, later(1))).toMatchObject({ audit: { checked: 1 }, disagreeing: 1 })
    await restoreItem(first)
    await fixture.test.pool.query(`UPDATE sessions SET updated_at = $2 WHERE id = $1`, [second, later(1.5)])
    expect(await auditWhenDue(fixture.test.database, later(2))).toMatchObject({ audit: { checked: 2 }, disagreeing: 0 })
    expect(await auditWhenDue(fixture.test.database, later(3.5))).toMatchObject({
      audit: { checked: 0 },
      disagreeing: 0,
    })
  })

  it('the counter audit that is ended in the middle is made again by the next', async () => {
    await finished()
    const ended = AbortSignal.abort()
    await expect(auditWhenDue(fixture.test.database, new Date(), ended)).rejects.toThrow('aborted')
    expect(await auditWhenDue(fixture.test.database, new Date())).toMatchObject({ audit: { checked: 1 } })
  })

  it('the counter audit as a command prints a line for each mismatch and a summary, and its exit code tells', async () => {
    const [first, second] = [await finished(), await finished()]
    const environment = { DATABASE_URL: fixture.test.url }
    expect(await runCommand(environment)).toEqual({ code: 0, said: '2 sessions checked, 0 disagree\n', complained: '' })
    await loseItem(first)
    const { version } = await fixture.activation.progress(first)
    expect(second).not.toBe(first)
    expect(await runCommand(environment)).toEqual({
      code: 1,
      said: `${first} version ${version}: mails.sent 20, counted 19; mails.failed 0, counted 1\n2 sessions checked, 1 disagree\n`,
      complained: '',
    })
  })
})

describe('what Prometheus is told of the counter audit', () => {
  it('what Prometheus is told of the counter audit is how many sessions disagree, and not a number while that is not known', async () => {
    const test = await createTestDatabase()
    let known: number | null = null
    const server = await createWorkerApp({
      logger: pino({ level: 'silent' }),
      pool: test.pool,
      disagreeingSessions: () => known,
    })
    const told = async () => /^rollcall_sessions_disagreeing (.*)$/m.exec((await server.inject('/metrics')).body)?.[1]
    expect(Number(await told())).toBeNaN()
    known = 2
    expect(await told()).toBe('2')
    await server.close()
    await test.close()
  })
})

describe('the command that audits the counters', () => {
  it('the command that audits the counters looks into the embedded database while Rollcall runs on it and while it does not, and leaves it as it was', async () => {
    const dataDirectory = await makeFolder('rollcall-audit-')
    const environment = { DATA_DIR: dataDirectory }
    const missing = await runCommand(environment)
    expect(missing).toMatchObject({ code: 2, said: '' })
    expect(missing.complained).toContain(`There is no database in ${dataDirectory}`)
    expect(existsSync(path.join(dataDirectory, 'postgres'))).toBe(false)

    const running = await startEmbeddedPostgres({ dataDirectory, logger: pino({ level: 'silent' }) })
    await migrateDatabase(running.url)
    const good = { code: 0, said: '0 sessions checked, 0 disagree\n', complained: '' }
    expect(await runCommand(environment)).toEqual(good)
    const pool = openPool(running.url, { maximum: 1, onError: () => undefined })
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }])
    await pool.end()
    await running.stop()

    expect(await runCommand(environment)).toEqual(good)
    expect(existsSync(path.join(dataDirectory, 'postgres/cluster/postmaster.pid'))).toBe(false)
    await rm(dataDirectory, { recursive: true, force: true })
  })

  it('the command that audits the counters says in one line where it cannot look', async () => {
    const wrong = await runCommand({ DATABASE_URL: 'http://example.com' })
    expect(wrong).toMatchObject({ code: 2, complained: expect.stringContaining('DATABASE_URL') as string })
    const away = await runCommand({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' })
    expect(away).toMatchObject({
      code: 2,
      complained: expect.stringMatching(/^The counters.*ECONNREFUSED.*\n$/) as string,
    })
  })
})
