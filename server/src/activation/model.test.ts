import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { canTransition, isFinal, levers, type Lever, type Progress } from '@rollcall/shared'
import { actor, createActivation, until, type Activation } from '../../test/activation.ts'
import { createTestDatabase, type TestDatabase } from '../../test/database.ts'
import { afterLevers, afterRetry, laterStatuses, type Outcome, type SessionModel } from '../../test/model.ts'
import { expectPromises, expectSums, hurry } from '../../test/promises.ts'
import { startSmtpServer, type SmtpScript, type TestSmtpServer } from '../../test/smtp.ts'
import type { Worker } from '../worker.ts'
import { pullLever, retryMails } from './levers.usecases.ts'

/** The session, and the world around it. */
interface Real {
  sessionId: string
  smtp: TestSmtpServer
  listening: boolean
  /** As many as there are activations. */
  workers: (Worker | null)[]
}
type Command = fc.AsyncCommand<SessionModel, Real>

let test: TestDatabase
let activations: Activation[]

beforeAll(async () => {
  test = await createTestDatabase()
  // Each has queues of its own, like a process.
  activations = [await createActivation(test), await createActivation(test)]
})
afterAll(async () => {
  for (const activation of activations) await activation.close()
  await test.close()
})

const parts = () => activations[0]!.parts
const progressOf = ({ sessionId }: Real) => activations[0]!.progress(sessionId)

/** Looks at the session: it must be where the model thinks it may be, and what never goes down did not. */
async function look(model: SessionModel, real: Real): Promise<Progress> {
  const progress = await progressOf(real)
  const received = new Set(real.smtp.mails.map(({ to }) => to.join()))
  const { seen } = model
  expect([...laterStatuses(model.statuses, model.workers)]).toContain(progress.status)
  expectSums(progress)
  expect(progress.version).toBeGreaterThanOrEqual(seen.version)
  if (progress.version === seen.version) expect(progress).toEqual(seen)
  expect(progress.accounts.created).toBeGreaterThanOrEqual(seen.accounts.created)
  expect(progress.mails.sent).toBeGreaterThanOrEqual(seen.mails.sent)
  expect(progress.mails.sent).toBeLessThanOrEqual(received.size)
  model.statuses = new Set([progress.status])
  model.seen = progress
  return progress
}

/** True when nothing at all may change of a session that nobody does anything to. */
function isAtRest(model: SessionModel): boolean {
  return model.workers === 0 || model.seen.status === 'completed'
}

/** A refusal changes nothing, as far as nobody else does. */
async function expectUnchanged(model: SessionModel, real: Real): Promise<void> {
  if (isAtRest(model)) expect(await progressOf(real)).toEqual(model.seen)
}

/** The outcome of what a person does; every other failure than a 409 is one. */
async function outcomeOf(acting: Promise<unknown>): Promise<Outcome> {
  try {
    await acting
    return 'done'
  } catch (error) {
    expect(error).toMatchObject({ status: 409 })
    return 'refused'
  }
}

/**
 * Pulls levers in the same moment. With one lever, a 409 is legal where a transition of Rollcall's own may have come
 * first; with two, what either order allows is.
 */
class Levers implements Command {
  readonly pulled: Lever[]
  constructor(pulled: Lever[]) {
    this.pulled = pulled
  }

  /** Cancelling ends the story, so it comes late. */
  check = (model: Readonly<SessionModel>) => !this.pulled.includes('cancel') || model.seen.version > 15

  async run(model: SessionModel, real: Real): Promise<void> {
    await look(model, real)
    const acting = this.pulled.map((lever) => outcomeOf(pullLever(parts(), lever, real.sessionId, actor)))
    const outcomes = await Promise.all(acting)
    const possible = this.orders().flatMap((order) =>
      afterLevers(
        order.map(({ lever }) => lever),
        model.statuses,
        model.workers,
      ).filter((path) => order.every(({ place }, turn) => path.outcomes[turn] === outcomes[place])),
    )
    if (possible.length === 0)
      throw new Error(`${this.toString()}: not possible is ${outcomes.join()} from ${model.seen.status}`)
    if (outcomes.every((outcome) => outcome === 'refused')) await expectUnchanged(model, real)
    model.statuses = new Set(possible.flatMap(({ statuses }) => [...statuses]))
    await look(model, real)
  }

  private orders(): { lever: Lever; place: number }[][] {
    const inOrder = this.pulled.map((lever, place) => ({ lever, place }))
    return inOrder.length === 1 ? [inOrder] : [inOrder, inOrder.toReversed()]
  }

  toString = () => this.pulled.join(' and ')
}

/** Refused where no mail is so and none can become so meanwhile, and when the session is cancelled. */
class Retry implements Command {
  readonly mail: 'failed' | 'unconfirmed'
  constructor(mail: 'failed' | 'unconfirmed') {
    this.mail = mail
  }

  check = () => true

  async run(model: SessionModel, real: Real): Promise<void> {
    const before = await look(model, real)
    const outcome = await outcomeOf(retryMails(parts(), real.sessionId, { mail: this.mail }, actor))
    if (!this.mayBe(outcome, before, model))
      throw new Error(`${this.toString()}: not possible is ${outcome} from ${before.status}`)
    if (outcome === 'refused') return expectUnchanged(model, real)
    if (this.mail === 'unconfirmed') model.resends += 1
    model.statuses = afterRetry(laterStatuses(model.statuses, model.workers))
    await look(model, real)
  }

  private mayBe(outcome: Outcome, before: Progress, model: SessionModel): boolean {
    if (before.status === 'cancelled') return outcome === 'refused'
    if (before.mails[this.mail] > 0) return outcome === 'done'
    return outcome === 'refused' || !isAtRest(model)
  }

  toString = () => `retry ${this.mail}`
}

/** Whether an address meets trouble goes by its number. */
const numberOf = (address = '') => Number(/person\.(\d+)@/i.exec(address)?.[1] ?? 0)

const moods: Record<'well' | 'slow' | 'picky' | 'losing answers' | 'busy', SmtpScript> = {
  well: (moment) => (moment === 'DOT' ? { delay: 25 } : undefined),
  slow: (moment) => (moment === 'DOT' ? { delay: 60 } : undefined),
  picky: (moment, { line }) => (moment === 'RCPT' && numberOf(line) % 3 === 0 ? '550 5.1.1 No such user' : undefined),
  'losing answers': (moment, { to }) => (moment === 'DOT' && numberOf(to[0]) % 4 === 0 ? { drop: 'rst' } : undefined),
  busy: (moment, { line }) => (moment === 'RCPT' && numberOf(line) % 2 === 0 ? '451 4.3.0 Later' : undefined),
}
type Mood = keyof typeof moods
const moodNames: (Mood | 'down')[] = ['down', 'well', 'slow', 'picky', 'losing answers', 'busy']

class MailServer implements Command {
  readonly mood: Mood | 'down'
  constructor(mood: Mood | 'down') {
    this.mood = mood
  }

  check = () => true

  async run(model: SessionModel, real: Real): Promise<void> {
    if (this.mood === 'down') await stopListening(real)
    else await listen(real, this.mood)
    await look(model, real)
  }

  toString = () => `mail server ${this.mood}`
}

async function stopListening(real: Real): Promise<void> {
  if (real.listening) await real.smtp.stop()
  real.listening = false
}

async function listen(real: Real, mood: Mood): Promise<void> {
  real.smtp.script = moods[mood]
  if (!real.listening) await real.smtp.start()
  real.listening = true
}

class StartWorker implements Command {
  check = (model: Readonly<SessionModel>) => model.workers < activations.length

  async run(model: SessionModel, real: Real): Promise<void> {
    await look(model, real)
    model.workers += 1
    await startWorker(real)
    await look(model, real)
  }

  toString = () => 'start a worker'
}

async function startWorker(real: Real): Promise<void> {
  const free = real.workers.indexOf(null)
  real.workers[free] = await activations[free]!.work(`${real.smtp.url}?connections=2&ignoreTLS=true`)
}

class StopWorker implements Command {
  check = (model: Readonly<SessionModel>) => model.workers > 0

  async run(model: SessionModel, real: Real): Promise<void> {
    const running = real.workers.findLastIndex((worker) => worker !== null)
    await real.workers[running]!.stop()
    real.workers[running] = null
    // What it still did before it stopped is seen with it counted.
    await look(model, real)
    model.workers -= 1
  }

  toString = () => 'stop a worker'
}

class CutConnections implements Command {
  check = () => true

  async run(model: SessionModel, real: Real): Promise<void> {
    const cut = `SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`
    await test.pool.query(cut)
    await until(
      () => Promise.allSettled(Array.from({ length: 10 }, () => test.pool.query('SELECT 1'))),
      (answers) => answers.every(({ status }) => status === 'fulfilled'),
    )
    await look(model, real)
  }

  toString = () => 'cut all connections to the database'
}

/** Lets the session move, where it does within a moment. */
class Watch implements Command {
  check = () => true

  async run(model: SessionModel, real: Real): Promise<void> {
    const { mails } = await look(model, real)
    const patience = performance.now() + 250
    await until(
      () => progressOf(real),
      (progress) => mails.pending - progress.mails.pending >= 10 || performance.now() > patience,
    )
    await look(model, real)
  }

  toString = () => 'watch'
}

const pairs: [Lever, Lever][] = [
  ['pause', 'resume'],
  ['resume', 'pause'],
  ['pause', 'cancel'],
  ['cancel', 'resume'],
]
const commands = fc.commands(
  [
    fc.constantFrom<Lever>('pause', 'resume', ...levers).map((lever) => new Levers([lever])),
    fc.constantFrom<Lever>('pause', 'resume', 'resume').map((lever) => new Levers([lever])),
    fc.constantFrom(...pairs).map((pair) => new Levers(pair)),
    fc.constantFrom('failed' as const, 'unconfirmed' as const).map((mail) => new Retry(mail)),
    fc.constantFrom(...moodNames).map((mood) => new MailServer(mood)),
    fc.constant(new StartWorker()),
    fc.constant(new StopWorker()),
    fc.constant(new CutConnections()),
    fc.constant(new Watch()),
    fc.constant(new Watch()),
    fc.constant(new Watch()),
  ],
  { maxCommands: 30, size: 'max' },
)

/** Lets everything run to its end, whatever state it was left in. */
async function finish(model: SessionModel, real: Real): Promise<void> {
  await listen(real, 'well')
  if (model.workers === 0) {
    model.workers += 1
    await startWorker(real)
  }
  await until(
    async () => {
      await hurry(test)
      const progress = await progressOf(real)
      if (canTransition('resume', progress.status)) await outcomeOf(pullLever(parts(), 'resume', real.sessionId, actor))
      return progress
    },
    ({ status, accounts, mails }) => isFinal(status) && accounts.pending + mails.pending === 0,
  )
}

it(
  'does what the table of transitions says, whatever is done to it and to what it needs, and keeps every promise',
  { timeout: 240_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 60, max: 140 }),
        fc.integer({ min: 1, max: 2 }),
        commands,
        async (leads, workers, story) => {
          const smtp = await startSmtpServer({ script: moods.well })
          const seen = await activations[0]!.start({ ids: await activations[0]!.addLeads(leads) })
          const real: Real = { sessionId: seen.sessionId, smtp, listening: true, workers: [null, null] }
          const model: SessionModel = { statuses: new Set([seen.status]), workers: 0, seen, resends: 0 }
          try {
            for (; model.workers < workers; model.workers += 1) await startWorker(real)
            await fc.asyncModelRun(() => ({ model, real }), story)
            await finish(model, real)
            await expectPromises(test, real.sessionId, smtp.mails, { copies: 1 + model.resends })
          } finally {
            for (const worker of real.workers) await worker?.stop()
            await stopListening(real)
            await test.pool.query('DELETE FROM mail_server_holds')
          }
        },
      ),
      { numRuns: 6, endOnFailure: true },
    )
  },
)
