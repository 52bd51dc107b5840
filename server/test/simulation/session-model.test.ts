import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { canTransition, isFinal } from '@rollcall/shared'
import { actor, until } from '../app/activation.ts'
import {
  commandsUpTo,
  killInTheMiddle,
  outcomeOf,
  progressOf,
  startWorker,
  type Command,
  type Real,
} from './model-commands.ts'
import {
  isAllowedTransition,
  isLoss,
  isResend,
  isWorkedOn,
  keepsDoubts,
  type Policy,
  type SessionModel,
} from './session-model.ts'
import { itemTransitionsOf } from './transitions.ts'
import { expectInvariants, makeRetriesDue } from './invariants.ts'
import { connections, createWorld, patience, type World } from './simulation.ts'
import { sessionDetail } from '../../src/activation/history/session-detail.usecases.ts'
import { runCommand } from '../../src/activation/commands/commands.usecases.ts'

let begun: number
let world: World
/** Which workers run: those of one story go on in the next. */
const running = [false, false, false]
/** What happened in all stories together: who reads a success sees it. */
const tally = { stories: 0, kills: 0, mailsInFlightAtKills: 0, lost: 0, sentAgain: 0, takenForDead: 0 }

beforeAll(async () => {
  begun = performance.now()
  world = await createWorld()
  startWorker(world, { running }, 0)
  startWorker(world, { running }, 1)
  await takenForDead()
}, 90_000)
afterAll(async () => {
  await world.close()
})

interface Story {
  leads: number
  policy: Policy
  beforeTheKill: Iterable<Command>
  afterTheKill: Iterable<Command>
}

const stories: fc.Arbitrary<Story> = fc.record({
  leads: fc.integer({ min: 80, max: 180 }),
  policy: fc.constantFrom<Policy>('hold', 'hold', 'resend'),
  beforeTheKill: commandsUpTo(10),
  afterTheKill: commandsUpTo(20),
})

async function tell(story: Story): Promise<void> {
  await world.mailServer('well')
  // A process costs a second of a core to start, so one of them has to do.
  if (!running[0]) startWorker(world, { running }, 0)
  if (!running[1] && !running[2]) startWorker(world, { running }, 1)
  const before = { takenForDead: await takenForDead(), lostAnswers: world.lostAnswers }
  const ids = await world.activation.addLeads(story.leads)
  const seen = await world.activation.start({ ids }, { unconfirmed: story.policy })
  const { sessionId } = seen
  const real: Real = { world, sessionId, domain: await domainOf(ids), mailsInFlightAtKills: [] }
  const model: SessionModel = { statuses: new Set([seen.status]), running, seen, kills: 0, cutConnections: 0 }
  await fc.asyncModelRun(() => ({ model, real }), story.beforeTheKill)
  await killInTheMiddle(model, real)
  await fc.asyncModelRun(() => ({ model, real }), story.afterTheKill)
  await finish(model, real)
  await judge(model, real, story.policy, {
    takenForDead: (await takenForDead()) - before.takenForDead,
    lostAnswers: world.lostAnswers - before.lostAnswers,
  })
  await world.test.pool.query('DELETE FROM mail_server_holds')
}

const takenForDead = () => world.takenForDead(running.filter(Boolean).length)

async function domainOf([lead]: string[]): Promise<string> {
  const { rows } = await world.test.pool.query<{ email: string }>('SELECT email FROM leads WHERE id = $1', [lead])
  return rows[0]!.email.replace(/.*@/, '@')
}

/** Lets everything run to its end, whatever state it was left in. */
async function finish(model: SessionModel, real: Real): Promise<void> {
  await world.mailServer('quick')
  if (!isWorkedOn(model)) startWorker(world, model, 0)
  let before = 0
  await until(
    async () => {
      const progress = await progressOf(real)
      if (progress.version === before) await makeRetriesDue(world.test)
      before = progress.version
      if (canTransition('resume', progress.status))
        await outcomeOf(runCommand(world.activation.deps, 'resume', real.sessionId, actor))
      return progress
    },
    ({ status, accounts, mails }) => isFinal(status) && accounts.pending + mails.pending === 0,
    patience,
  )
}

/**
 * Nothing is lost and nobody is mailed twice: every transition of every item was allowed, a second copy has only who was to be
 * mailed again, and each answer that was lost is explained by what was done to the session.
 */
async function judge(
  model: SessionModel,
  real: Real,
  policy: Policy,
  seen: { takenForDead: number; lostAnswers: number },
): Promise<void> {
  const transitions = await itemTransitionsOf(world.test, real.sessionId)
  expect(transitions.filter((transition) => !isAllowedTransition(transition, policy))).toEqual([])
  for (const ofItem of Map.groupBy(transitions, ({ email }) => email).values()) expect(ofItem).toSatisfy(keepsDoubts)
  const resends = transitions.filter(isResend)
  const resendsTo = Map.groupBy(resends, ({ email }) => email)
  await expectInvariants(world.test, real.sessionId, world.smtp.mails, {
    copies: ({ lead }) => 1 + (resendsTo.get(lead.email)?.length ?? 0),
  })
  const { events } = await sessionDetail(world.test.database, real.sessionId)
  const takeovers = events.filter(({ type }) => type === 'taken_over').map(({ details }) => Number(details.inFlight))
  expect(Math.max(0, ...takeovers)).toBeLessThanOrEqual(connections)
  const lost = transitions.filter(isLoss).length
  const explained = (model.kills + seen.takenForDead) * connections + model.cutConnections + seen.lostAnswers
  expect(lost).toBeLessThanOrEqual(explained)

  tally.stories += 1
  tally.kills += model.kills
  tally.mailsInFlightAtKills += real.mailsInFlightAtKills.reduce((sum, mails) => sum + mails, 0)
  tally.lost += lost
  tally.sentAgain += resends.length
  tally.takenForDead += seen.takenForDead
}

/** Milliseconds. As many stories are told as begin within this time after the first process, and so many at least. */
const storyTime = 34_000
const fewestStories = 3

it(
  'a session follows the table of transitions and keeps every invariant, whatever is done to it and to what it needs',
  { timeout: 240_000 },
  async () => {
    // `STORY=seed:path`, as a failure names them, tells a story again.
    const [seed = Date.now() % 1_000_000, path] = process.env.STORY?.split(':') ?? []
    process.stderr.write(`stories of seed ${seed}\n`)
    await fc.assert(
      fc.asyncProperty(stories, async (story) => {
        if (tally.stories < fewestStories || performance.now() < begun + storyTime) await tell(story)
      }),
      { numRuns: 100, endOnFailure: true, seed: Number(seed), ...(path === undefined ? {} : { path }) },
    )
    process.stderr.write(`${JSON.stringify(tally)}\n`)
  },
)
