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
import { connections, type Mood, type World } from './simulation.ts'

/** A session in its world. */
export interface Real {
  world: World
  sessionId: string
  /** What everybody's address in this session ends with. */
  domain: string
  /** Of each kill. */
  mailsInFlightAtKills: number[]
}
export type Command = fc.AsyncCommand<SessionModel, Real>

export const progressOf = ({ world, sessionId }: Real) => world.activation.progress(sessionId)

/** Begins to start a worker, which counts as running from now on. */
export function startWorker(world: World, model: Pick<SessionModel, 'running'>, place: number): void {
  model.running[place] = true
  world.workers[place]!.start()
}

/** Looks at the session: it must be where the model thinks it may be, and what never goes down did not. */
export async function look(model: SessionModel, real: Real): Promise<Progress> {
  const progress = await progressOf(real)
  const received = new Set(real.world.smtp.mails.map(({ to }) => to.join()).filter((to) => to.endsWith(real.domain)))
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

/** True when nothing at all may change of a session that nobody does anything to. */
function isAtRest(model: SessionModel): boolean {
  return !isWorkedOn(model) || model.seen.status === 'completed'
}

/** A refusal changes nothing, as far as nobody else does. */
async function expectUnchanged(model: SessionModel, real: Real): Promise<void> {
  if (isAtRest(model)) expect(await progressOf(real)).toEqual(model.seen)
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
 * Gives commands to a session in the same moment. With one command, a 409 is legal where a transition of Rollcall's own may have come
 * first; with two, what either order allows is.
 */
class RunCommands implements Command {
  readonly given: SessionCommand[]
  constructor(given: SessionCommand[]) {
    this.given = given
  }

  /** Cancelling ends the story, so it comes late. */
  check = (model: Readonly<SessionModel>) => !this.given.includes('cancel') || model.seen.version > 15

  async run(model: SessionModel, real: Real): Promise<void> {
    await look(model, real)
    const acting = this.given.map((command) =>
      outcomeOf(runCommand(real.world.activation.deps, command, real.sessionId, actor)),
    )
    const outcomes = await Promise.all(acting)
    const possible = this.orders().flatMap((order) =>
      afterCommands(
        order.map(({ command }) => command),
        model.statuses,
        isWorkedOn(model),
      ).filter((path) => order.every(({ place }, turn) => path.outcomes[turn] === outcomes[place])),
    )
    if (possible.length === 0)
      throw new Error(`${this.toString()}: not possible is ${outcomes.join()} from ${model.seen.status}`)
    if (outcomes.every((outcome) => outcome === 'refused')) await expectUnchanged(model, real)
    model.statuses = new Set(possible.flatMap(({ statuses }) => [...statuses]))
    await look(model, real)
  }

  private orders(): { command: SessionCommand; place: number }[][] {
    const inOrder = this.given.map((command, place) => ({ command, place }))
    return inOrder.length === 1 ? [inOrder] : [inOrder, inOrder.toReversed()]
  }

  toString = () => this.given.join(' and ')
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
    const outcome = await outcomeOf(retryMails(real.world.activation.deps, real.sessionId, { mail: this.mail }, actor))
    if (!this.mayBe(outcome, before, model))
      throw new Error(`${this.toString()}: not possible is ${outcome} from ${before.status}`)
    if (outcome === 'refused') return expectUnchanged(model, real)
    model.statuses = afterRetry(laterStatuses(model.statuses, isWorkedOn(model)))
    await look(model, real)
  }

  private mayBe(outcome: Outcome, before: Progress, model: SessionModel): boolean {
    if (before.status === 'cancelled') return outcome === 'refused'
    if (before.mails[this.mail] > 0) return outcome === 'done'
    return outcome === 'refused' || !isAtRest(model)
  }

  toString = () => `retry ${this.mail}`
}

class MailServer implements Command {
  readonly mood: Mood | 'down'
  constructor(mood: Mood | 'down') {
    this.mood = mood
  }

  check = () => true

  async run(model: SessionModel, real: Real): Promise<void> {
    model.cutConnections += await real.world.mailServer(this.mood)
    await look(model, real)
  }

  toString = () => `mail server ${this.mood}`
}

class StartWorker implements Command {
  readonly place: number
  constructor(place: number) {
    this.place = place
  }

  check = (model: Readonly<SessionModel>) => !model.running[this.place]

  async run(model: SessionModel, real: Real): Promise<void> {
    await look(model, real)
    startWorker(real.world, model, this.place)
    await look(model, real)
  }

  toString = () => `start worker ${this.place}`
}

class StopWorker implements Command {
  readonly place: number
  constructor(place: number) {
    this.place = place
  }

  check = (model: Readonly<SessionModel>) => model.running[this.place] === true

  async run(model: SessionModel, real: Real): Promise<void> {
    await real.world.workers[this.place]!.stop()
    // What it still did before it stopped is seen with it counted.
    await look(model, real)
    model.running[this.place] = false
  }

  toString = () => `stop worker ${this.place}`
}

class KillWorker implements Command {
  readonly place: number
  constructor(place: number) {
    this.place = place
  }

  /** Only in the middle of something: each costs the start of a process. */
  check = (model: Readonly<SessionModel>) =>
    model.running[this.place] === true && ['queued', 'running'].includes(model.seen.status)

  async run(model: SessionModel, real: Real): Promise<void> {
    const inFlight = await real.world.workers[this.place]!.kill!()
    if (inFlight > connections) throw new Error(`${this.toString()}: ${inFlight} mails were in flight`)
    model.kills += 1
    real.mailsInFlightAtKills.push(inFlight)
    if (model.running.every((runs, place) => !runs || place === this.place)) await real.world.silence()
    await look(model, real)
    model.running[this.place] = false
  }

  toString = () => `kill worker ${this.place}`
}

class CutConnections implements Command {
  check = () => true

  async run(model: SessionModel, real: Real): Promise<void> {
    await real.world.cutConnections()
    await look(model, real)
  }

  toString = () => 'cut all connections to the database'
}

/** Lets the session progress, where it does within a moment. */
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

const pairs: [SessionCommand, SessionCommand][] = [
  ['pause', 'resume'],
  ['resume', 'pause'],
  ['pause', 'cancel'],
  ['cancel', 'resume'],
]
const moods: (Mood | 'down')[] = ['down', 'well', 'slow', 'picky', 'losing answers', 'busy']
const allPlaces = [0, 1, 2]
const ownProcesses = [1, 2]

const possible = [
  fc.constantFrom<SessionCommand>('pause', 'resume', ...sessionCommands).map((command) => new RunCommands([command])),
  fc.constantFrom<SessionCommand>('pause', 'resume', 'resume').map((command) => new RunCommands([command])),
  fc.constantFrom(...pairs).map((pair) => new RunCommands(pair)),
  fc.constantFrom('failed' as const, 'unconfirmed' as const).map((mail) => new Retry(mail)),
  fc.constantFrom(...moods).map((mood) => new MailServer(mood)),
  fc.constantFrom(...allPlaces).map((place) => new StartWorker(place)),
  fc.constantFrom(0, ...allPlaces).map((place) => new StopWorker(place)),
  fc.constantFrom(...ownProcesses).map((place) => new KillWorker(place)),
  fc.constantFrom(...ownProcesses).map((place) => new KillWorker(place)),
  fc.constant(new CutConnections()),
  fc.constant(new Watch()),
  fc.constant(new Watch()),
  fc.constant(new Watch()),
]

/** What may happen to a session, in any order. */
export const commandsUpTo = (maxCommands: number) => fc.commands(possible, { maxCommands, size: 'max' })

/** Lets the session go on, and kills a process that is in the middle of its mails, if there are any. */
export async function killInTheMiddle(model: SessionModel, real: Real): Promise<void> {
  await new MailServer('well').run(model, real)
  if (canTransition('resume', model.seen.status)) await new RunCommands(['resume']).run(model, real)
  const kill = ownProcesses.map((place) => new KillWorker(place)).find((each) => each.check(model))
  await kill?.run(model, real)
}
