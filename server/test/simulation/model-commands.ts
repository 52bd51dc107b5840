import fc from 'fast-check'
import { expect } from 'vitest'
import { canTransition, sessionCommands, type SessionCommand, type Progress } from '@rollcall/shared'
import { runCommand, retryMails } from '../../src/activation/commands/commands.usecases.ts'
import { actor, until } from '../app/activation.ts'
import {
  afterCommands,
  afterRetry,
  isWorkedOn,
  laterStatuses,
  type Outcome,
  type SessionModel,
} from './session-model.ts'
import { isConflict } from './conflicts.ts'
import { expectCountersAddUp } from './invariants.ts'
import { connections, type MailServerMode, type Simulation } from './simulation.ts'

/** A session that the commands act on, and what they noted of it. */
export interface SimulatedSession {
  simulation: Simulation
  sessionId: string
  /** The end of every address of this session. */
  domain: string
  /** For each kill, how many mails the killed worker had in flight. */
  mailsInFlightAtKills: number[]
}
export type Command = fc.AsyncCommand<SessionModel, SimulatedSession>

export const progressOf = ({ simulation, sessionId }: SimulatedSession) => simulation.activation.progress(sessionId)

/** Begins to start a worker, which the model counts as running from now on. */
export function startWorker(simulation: Simulation, model: Pick<SessionModel, 'running'>, index: number): void {
  model.running[index] = true
  simulation.workers[index]!.start()
}

/**
 * Reads the session and compares it with the model: its status must be a possible one, and numbers that never go down must
 * not have gone down. The model then knows the status. Returns the progress.
 */
export async function observe(model: SessionModel, session: SimulatedSession): Promise<Progress> {
  const progress = await progressOf(session)
  const received = new Set(
    session.simulation.smtp.mails.map(({ to }) => to.join()).filter((to) => to.endsWith(session.domain)),
  )
  const { seen } = model
  expect([...laterStatuses(model.statuses, isWorkedOn(model))]).toContain(progress.status)
  expectCountersAddUp(progress)
  expect(progress.version).toBeGreaterThanOrEqual(seen.version)
  if (progress.version === seen.version) expect(progress).toEqual(seen)
  expect(progress.accounts.created).toBeGreaterThanOrEqual(seen.accounts.created)
  expect(progress.mails.sent).toBeGreaterThanOrEqual(seen.mails.sent)
  expect(progress.mails.sent).toBeLessThanOrEqual(received.size)
  model.statuses = new Set([progress.status])
  model.seen = progress
  return progress
}

/** True when a session that nobody commands does not change at all. */
function isAtRest(model: SessionModel): boolean {
  return !isWorkedOn(model) || model.seen.status === 'completed'
}

/** Expects that a refused command changed nothing, where nothing else can have changed anything. */
async function expectUnchanged(model: SessionModel, session: SimulatedSession): Promise<void> {
  if (isAtRest(model)) expect(await progressOf(session)).toEqual(model.seen)
}

/** Returns what became of a command that a person gives. Fails the test for every error but a conflict with the session's status. */
export async function outcomeOf(acting: Promise<unknown>): Promise<Outcome> {
  try {
    await acting
    return 'done'
  } catch (error) {
    expect(error).toSatisfy(isConflict)
    return 'refused'
  }
}

/**
 * Gives commands to a session at the same time. A single command may be refused where a transition of Rollcall's own may
 * have come first; of two commands, whatever one of the two orders allows is right.
 */
class RunCommands implements Command {
  readonly given: SessionCommand[]
  constructor(given: SessionCommand[]) {
    this.given = given
  }

  /** A cancel ends the session, so it is given only late. */
  check = (model: Readonly<SessionModel>) => !this.given.includes('cancel') || model.seen.version > 15

  async run(model: SessionModel, session: SimulatedSession): Promise<void> {
    await observe(model, session)
    const acting = this.given.map((command) =>
      outcomeOf(runCommand(session.simulation.activation.deps, command, session.sessionId, actor)),
    )
    const outcomes = await Promise.all(acting)
    const possible = this.orders().flatMap((order) =>
      afterCommands(
        order.map(({ command }) => command),
        model.statuses,
        isWorkedOn(model),
      ).filter((path) => order.every(({ index }, step) => path.outcomes[step] === outcomes[index])),
    )
    if (possible.length === 0)
      throw new Error(`${this.toString()}: not possible is ${outcomes.join()} from ${model.seen.status}`)
    if (outcomes.every((outcome) => outcome === 'refused')) await expectUnchanged(model, session)
    model.statuses = new Set(possible.flatMap(({ statuses }) => [...statuses]))
    await observe(model, session)
  }

  private orders(): { command: SessionCommand; index: number }[][] {
    const inOrder = this.given.map((command, index) => ({ command, index }))
    return inOrder.length === 1 ? [inOrder] : [inOrder, inOrder.toReversed()]
  }

  toString = () => this.given.join(' and ')
}

/** Retries mails. It is refused where no mail is in that state and none can come into it meanwhile, and in a cancelled session. */
class Retry implements Command {
  readonly mail: 'failed' | 'unconfirmed'
  constructor(mail: 'failed' | 'unconfirmed') {
    this.mail = mail
  }

  check = () => true

  async run(model: SessionModel, session: SimulatedSession): Promise<void> {
    const before = await observe(model, session)
    const outcome = await outcomeOf(
      retryMails(session.simulation.activation.deps, session.sessionId, { mail: this.mail }, actor),
    )
    if (!this.mayBe(outcome, before, model))
      throw new Error(`${this.toString()}: not possible is ${outcome} from ${before.status}`)
    if (outcome === 'refused') return expectUnchanged(model, session)
    model.statuses = afterRetry(laterStatuses(model.statuses, isWorkedOn(model)))
    await observe(model, session)
  }

  private mayBe(outcome: Outcome, before: Progress, model: SessionModel): boolean {
    if (before.status === 'cancelled') return outcome === 'refused'
    if (before.mails[this.mail] > 0) return outcome === 'done'
    return outcome === 'refused' || !isAtRest(model)
  }

  toString = () => `retry ${this.mail}`
}

class MailServer implements Command {
  readonly mode: MailServerMode | 'down'
  constructor(mode: MailServerMode | 'down') {
    this.mode = mode
  }

  check = () => true

  async run(model: SessionModel, session: SimulatedSession): Promise<void> {
    model.cutConnections += await session.simulation.mailServer(this.mode)
    await observe(model, session)
  }

  toString = () => `mail server ${this.mode}`
}

class StartWorker implements Command {
  readonly index: number
  constructor(index: number) {
    this.index = index
  }

  check = (model: Readonly<SessionModel>) => !model.running[this.index]

  async run(model: SessionModel, session: SimulatedSession): Promise<void> {
    await observe(model, session)
    startWorker(session.simulation, model, this.index)
    await observe(model, session)
  }

  toString = () => `start worker ${this.index}`
}

class StopWorker implements Command {
  readonly index: number
  constructor(index: number) {
    this.index = index
  }

  check = (model: Readonly<SessionModel>) => model.running[this.index] === true

  async run(model: SessionModel, session: SimulatedSession): Promise<void> {
    await session.simulation.workers[this.index]!.stop()
    // The worker still counts as running here, because the session may have changed before it stopped.
    await observe(model, session)
    model.running[this.index] = false
  }

  toString = () => `stop worker ${this.index}`
}

class KillWorker implements Command {
  readonly index: number
  constructor(index: number) {
    this.index = index
  }

  /** A worker is killed only while the session runs, because each kill costs the start of a process. */
  check = (model: Readonly<SessionModel>) =>
    model.running[this.index] === true && ['queued', 'running'].includes(model.seen.status)

  async run(model: SessionModel, session: SimulatedSession): Promise<void> {
    const inFlight = await session.simulation.workers[this.index]!.kill!()
    if (inFlight > connections) throw new Error(`${this.toString()}: ${inFlight} mails were in flight`)
    model.kills += 1
    session.mailsInFlightAtKills.push(inFlight)
    if (model.running.every((runs, index) => !runs || index === this.index))
      await session.simulation.untilOthersDisconnected()
    await observe(model, session)
    model.running[this.index] = false
  }

  toString = () => `kill worker ${this.index}`
}

class CutConnections implements Command {
  check = () => true

  async run(model: SessionModel, session: SimulatedSession): Promise<void> {
    await session.simulation.cutConnections()
    await observe(model, session)
  }

  toString = () => 'cut all connections to the database'
}

/** Waits a moment for the session to progress. */
class Watch implements Command {
  check = () => true

  async run(model: SessionModel, session: SimulatedSession): Promise<void> {
    const { mails } = await observe(model, session)
    const end = performance.now() + 250
    await until(
      () => progressOf(session),
      (progress) => mails.pending - progress.mails.pending >= 10 || performance.now() > end,
    )
    await observe(model, session)
  }

  toString = () => 'watch'
}

const pairs: [SessionCommand, SessionCommand][] = [
  ['pause', 'resume'],
  ['resume', 'pause'],
  ['pause', 'cancel'],
  ['cancel', 'resume'],
]
const modes: (MailServerMode | 'down')[] = ['down', 'healthy', 'slow', 'rejecting', 'losing replies', 'deferring']
const allWorkers = [0, 1, 2]
const childProcessWorkers = [1, 2]

const possible = [
  fc.constantFrom<SessionCommand>('pause', 'resume', ...sessionCommands).map((command) => new RunCommands([command])),
  fc.constantFrom<SessionCommand>('pause', 'resume', 'resume').map((command) => new RunCommands([command])),
  fc.constantFrom(...pairs).map((pair) => new RunCommands(pair)),
  fc.constantFrom('failed' as const, 'unconfirmed' as const).map((mail) => new Retry(mail)),
  fc.constantFrom(...modes).map((mode) => new MailServer(mode)),
  fc.constantFrom(...allWorkers).map((index) => new StartWorker(index)),
  fc.constantFrom(0, ...allWorkers).map((index) => new StopWorker(index)),
  fc.constantFrom(...childProcessWorkers).map((index) => new KillWorker(index)),
  fc.constantFrom(...childProcessWorkers).map((index) => new KillWorker(index)),
  fc.constant(new CutConnections()),
  fc.constant(new Watch()),
  fc.constant(new Watch()),
  fc.constant(new Watch()),
]

/** Generates what may happen to a session, in any order. */
export const commandsUpTo = (maxCommands: number) => fc.commands(possible, { maxCommands, size: 'max' })

/** Makes the mail server work, resumes the session, and kills a worker process while it sends, where one runs. */
export async function killWhileSending(model: SessionModel, session: SimulatedSession): Promise<void> {
  await new MailServer('healthy').run(model, session)
  if (canTransition('resume', model.seen.status)) await new RunCommands(['resume']).run(model, session)
  const kill = childProcessWorkers.map((index) => new KillWorker(index)).find((each) => each.check(model))
  await kill?.run(model, session)
}
