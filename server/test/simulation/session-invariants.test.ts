import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canTransition, isFinal, sessionCommands, type Progress, type SessionOptions } from '@rollcall/shared'
import { actor, recounted } from '../app/activation.ts'
import { useActivationWithMailServer } from '../smtp/activation-with-mail-server.ts'
import type { SmtpReply } from '../smtp/scripted-smtp-server.ts'
import { isConflict } from './conflicts.ts'
import { makeRetriesDue } from './invariants.ts'
import { allItems } from '../../src/activation/history/item-list.usecases.ts'
import { runCommand, retryMails } from '../../src/activation/commands/commands.usecases.ts'
import { presentProgress } from '../../src/activation/session/progress.presenter.ts'
import { readSnapshots } from '../../src/activation/session/progress.queries.ts'
import { expectProperty } from '../properties/expect-property.ts'

/** The ways in which the mail server may treat one mail. */
const fates = ['taken', 'taken', 'taken', 'taken', 'unknown', 'later', 'lost', 'dropped early', 'slow'] as const
type Fate = (typeof fates)[number]

/** The disturbances that may happen to a session while it runs. */
const disturbances = [...sessionCommands, 'retry failed', 'cut connections', 'cut connections'] as const
type Disturbance = { what: (typeof disturbances)[number]; afterMails: number }

interface Run {
  leads: number
  known: number
  fates: Fate[]
  disturbances: Disturbance[]
  options: SessionOptions
}

const runs: fc.Arbitrary<Run> = fc.record({
  leads: fc.integer({ min: 1, max: 90 }),
  known: fc.integer({ min: 0, max: 12 }),
  fates: fc.array(fc.constantFrom(...fates), { minLength: 1, maxLength: 12 }),
  disturbances: fc.array(
    fc.record({ what: fc.constantFrom(...disturbances), afterMails: fc.integer({ min: 0, max: 60 }) }),
    { maxLength: 4 },
  ),
  options: fc.record(
    { mail: fc.boolean(), remind: fc.boolean(), unconfirmed: fc.constantFrom('hold', 'resend') },
    { requiredKeys: [] },
  ),
})

describe('whatever happens to a session', () => {
  const fixture = useActivationWithMailServer({ connections: 3, workers: 2 })

  it(
    'whatever happens to a session, its numbers add up, equal a recount, never go back, and nobody is mailed twice',
    { timeout: 180_000 },
    async () => {
      await expectProperty(
        fc.asyncProperty(runs, async (run) => {
          fixture.smtp.mails.length = 0
          const { seen, sessionId } = await disturbedRun(run)
          await checkItems(sessionId, run)
          checkSequence(seen)
          const stored = (await readSnapshots(fixture.test.database, sessionId, 500)).map(presentProgress)
          checkSequence([...stored, ...seen].toSorted((a, b) => a.version - b.version))
        }),
        { runs: 15, shrink: false },
      )
    },
  )

  async function disturbedRun(run: Run): Promise<{ seen: Progress[]; sessionId: string }> {
    const ids = await fixture.activation.addLeads(run.leads)
    fixture.smtp.script = () => undefined
    if (run.known > 0) await finish((await fixture.activation.start({ ids: ids.slice(0, run.known) })).sessionId, [])
    fixture.smtp.mails.length = 0
    fixture.smtp.script = (command, { to }) => fateOf(run.fates, command, to[0])
    const first = await fixture.activation.start({ ids }, run.options)
    const seen: Progress[] = [first]
    const waiting = run.disturbances.toSorted((a, b) => a.afterMails - b.afterMails)
    await finish(first.sessionId, seen, async (progress) => {
      const next = waiting[0]
      if (next === undefined || (mailsNotPending(progress) < next.afterMails && !isFinal(progress.status))) return
      waiting.shift()
      await disturb(next.what, progress)
    })
    return { seen, sessionId: first.sessionId }
  }

  /** Reads a session until its end, resumes it whenever it stops, and makes mails that wait for a next try due at once. */
  async function finish(
    sessionId: string,
    seen: Progress[],
    meanwhile: (progress: Progress) => Promise<void> = async () => undefined,
  ): Promise<void> {
    const idle = new Map<number, number>()
    await fixture.activation.until(sessionId, () => true)
    for (let looks = 0; looks < 3000; looks += 1) {
      const progress = await asked(() => fixture.activation.progress(sessionId))
      seen.push(progress)
      if (progress.completed && progress.mails.pending === 0 && progress.accounts.pending === 0) return
      await meanwhile(progress)
      idle.set(progress.version, (idle.get(progress.version) ?? 0) + 1)
      if ((idle.get(progress.version) ?? 0) % 20 === 19) await resumeAndMakeRetriesDue(progress)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    throw new Error(`The session does not end: ${JSON.stringify(seen.at(-1))}`)
  }

  async function resumeAndMakeRetriesDue(progress: Progress): Promise<void> {
    if (canTransition('resume', progress.status))
      await ignoringConflict(() => runCommand(fixture.activation.deps, 'resume', progress.sessionId, actor))
    await asked(() => makeRetriesDue(fixture.test))
  }

  async function disturb(what: Disturbance['what'], { sessionId }: Progress): Promise<void> {
    if (what === 'cut connections')
      await asked(() =>
        fixture.test.pool.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
        ),
      )
    else if (what === 'retry failed')
      await ignoringConflict(() => retryMails(fixture.activation.deps, sessionId, { mail: 'failed' }, actor))
    else await ignoringConflict(() => runCommand(fixture.activation.deps, what, sessionId, actor))
  }

  /** Asks again after an error, because connections to the database are being cut. */
  async function asked<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    for (let tries = 0; ; tries += 1) {
      try {
        return await ask()
      } catch (error) {
        if (tries > 50) throw error
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
  }

  async function ignoringConflict(act: () => Promise<unknown>): Promise<void> {
    await act().catch((error: unknown) => {
      // Drizzle names the driver's error, that of a connection that was cut, as the cause.
      const isLostConnection = (error as Error).cause !== undefined
      if (!isConflict(error) && !isLostConnection) throw error
    })
  }

  async function checkItems(sessionId: string, run: Run): Promise<void> {
    const progress = await fixture.activation.progress(sessionId)
    expect(await recounted(fixture.test, sessionId)).toEqual({
      total: run.leads,
      accounts: progress.accounts,
      mails: progress.mails,
    })
    const copies = Map.groupBy(fixture.smtp.mails, (mail) => mail.to[0]?.toLowerCase())
    for await (const item of allItems(fixture.test.database, sessionId, {})) {
      const received = copies.get(item.lead.email.toLowerCase())?.length ?? 0
      const mayRepeat = run.options.unconfirmed === 'resend'
      if (item.mail.state === 'sent') expect(received, JSON.stringify(item)).toBeGreaterThanOrEqual(1)
      if (!mayRepeat) expect(received, JSON.stringify(item)).toBeLessThanOrEqual(1)
      if (item.mail.state !== 'sent' || item.account.state !== 'created')
        expect(item.mail.reason ?? item.account.reason, JSON.stringify(item)).not.toBeNull()
    }
    const { rows } = await fixture.test.pool.query(
      'SELECT email_key FROM accounts GROUP BY email_key HAVING count(*) > 1',
    )
    expect(rows).toEqual([])
  }
})

/** Expects that each progress adds up, versions only grow, a version always has the same numbers, and created and sent never fall. */
function checkSequence(sequence: Progress[]): void {
  for (const progress of sequence) {
    expect(sum(progress.accounts)).toBe(progress.total)
    expect(sum(progress.mails)).toBe(progress.total)
  }
  for (const [index, later] of sequence.slice(1).entries()) {
    const earlier = sequence[index]!
    expect(later.version).toBeGreaterThanOrEqual(earlier.version)
    expect(later.accounts.created).toBeGreaterThanOrEqual(earlier.accounts.created)
    expect(later.mails.sent).toBeGreaterThanOrEqual(earlier.mails.sent)
    if (later.version === earlier.version) expect(later).toEqual(earlier)
  }
}

function sum(counts: Record<string, number>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0)
}

function mailsNotPending({ mails, total }: Progress): number {
  return total - mails.pending
}

/** Returns the reply of the mail server to a mail, which depends on its address. A reply after which a mail is tried again is given once. */
function fateOf(plan: Fate[], command: string, to: string | undefined): SmtpReply | undefined {
  const number = Number(/person\.(\d+)@/i.exec(to ?? '')?.[1] ?? 0)
  const fate = plan[number % plan.length]
  if (to === undefined) return undefined
  const key = `${to} ${fate}`
  const again = tried.has(key)
  if (command === 'RCPT' && fate === 'unknown') return '550 5.1.1 No such user'
  if (command === 'RCPT' && fate === 'later' && !again) return remember(key, '451 4.3.0 Try again later')
  if (command === 'RCPT' && fate === 'dropped early' && !again) return remember(key, { drop: 'rst' })
  if (command === 'DOT' && fate === 'lost' && !again) return remember(key, { drop: 'rst' })
  if (command === 'DOT' && fate === 'slow') return { delay: 15 }
  return undefined
}

const tried = new Set<string>()

function remember(key: string, reply: SmtpReply): SmtpReply {
  tried.add(key)
  return reply
}
