import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { canTransition, isFinal } from '@rollcall/shared'
import { actor, until } from '../app/activation.ts'
import {
  commandsUpTo,
  killWhileSending,
  outcomeOf,
  progressOf,
  startWorker,
  type Command,
  type SimulatedSession,
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
import { connections, createSimulation, timeLimit, type Simulation } from './simulation.ts'
import { sessionDetail } from '../../src/activation/history/session-detail.usecases.ts'
import { runCommand } from '../../src/activation/commands/commands.usecases.ts'
import { expectProperty } from '../properties/expect-property.ts'

let begun: number
let simulation: Simulation
/** The workers that run. Workers that run at the end of a scenario continue to run in the next. */
const running = [false, false, false]
/** What happened in all scenarios together, which is printed after a success. */
const totals = { scenarios: 0, kills: 0, mailsInFlightAtKills: 0, lost: 0, sentAgain: 0, wronglyDeclaredDead: 0 }

beforeAll(async () => {
  begun = performance.now()
  simulation = await createSimulation()
  startWorker(simulation, { running }, 0)
  startWorker(simulation, { running }, 1)
  await wronglyDeclaredDead()
}, 90_000)
afterAll(async () => {
  await simulation.close()
})

/** Commands that are given to a new session, with the kill of a worker in between. */
interface Scenario {
  leads: number
  policy: Policy
  commandsBeforeKill: Iterable<Command>
  commandsAfterKill: Iterable<Command>
}

const scenarios: fc.Arbitrary<Scenario> = fc.record({
  leads: fc.integer({ min: 80, max: 180 }),
  policy: fc.constantFrom<Policy>('hold', 'hold', 'resend'),
  commandsBeforeKill: commandsUpTo(10),
  commandsAfterKill: commandsUpTo(20),
})

async function runScenario(scenario: Scenario): Promise<void> {
  await simulation.mailServer('healthy')
  // Starting a process costs a second of a core, so one process is enough.
  if (!running[0]) startWorker(simulation, { running }, 0)
  if (!running[1] && !running[2]) startWorker(simulation, { running }, 1)
  const before = { wronglyDeclaredDead: await wronglyDeclaredDead(), lostAnswers: simulation.lostAnswers }
  const ids = await simulation.activation.addLeads(scenario.leads)
  const seen = await simulation.activation.start({ ids }, { unconfirmed: scenario.policy })
  const { sessionId } = seen
  const session: SimulatedSession = { simulation, sessionId, domain: await domainOf(ids), mailsInFlightAtKills: [] }
  const model: SessionModel = { statuses: new Set([seen.status]), running, seen, kills: 0, cutConnections: 0 }
  await fc.asyncModelRun(() => ({ model, real: session }), scenario.commandsBeforeKill)
  await killWhileSending(model, session)
  await fc.asyncModelRun(() => ({ model, real: session }), scenario.commandsAfterKill)
  await runToEnd(model, session)
  await expectExplained(model, session, scenario.policy, {
    wronglyDeclaredDead: (await wronglyDeclaredDead()) - before.wronglyDeclaredDead,
    lostAnswers: simulation.lostAnswers - before.lostAnswers,
  })
  await simulation.test.pool.query('DELETE FROM mail_server_holds')
}

const wronglyDeclaredDead = () => simulation.wronglyDeclaredDead(running.filter(Boolean).length)

async function domainOf([lead]: string[]): Promise<string> {
  const { rows } = await simulation.test.pool.query<{ email: string }>('SELECT email FROM leads WHERE id = $1', [lead])
  return rows[0]!.email.replace(/.*@/, '@')
}

/** Makes the mail server work, and lets the session run to its end, whatever state it was left in. */
async function runToEnd(model: SessionModel, session: SimulatedSession): Promise<void> {
  await simulation.mailServer('fast')
  if (!isWorkedOn(model)) startWorker(simulation, model, 0)
  let before = 0
  await until(
    async () => {
      const progress = await progressOf(session)
      if (progress.version === before) await makeRetriesDue(simulation.test)
      before = progress.version
      if (canTransition('resume', progress.status))
        await outcomeOf(runCommand(simulation.activation.deps, 'resume', session.sessionId, actor))
      return progress
    },
    ({ status, accounts, mails }) => isFinal(status) && accounts.pending + mails.pending === 0,
    timeLimit,
  )
}

/**
 * Expects that nothing was lost and nobody was mailed twice: every transition of every item was allowed, only people who
 * were to be mailed again have a second copy, and each lost answer is explained by what was done to the session.
 */
async function expectExplained(
  model: SessionModel,
  session: SimulatedSession,
  policy: Policy,
  seen: { wronglyDeclaredDead: number; lostAnswers: number },
): Promise<void> {
  const transitions = await itemTransitionsOf(simulation.test, session.sessionId)
  expect(transitions.filter((transition) => !isAllowedTransition(transition, policy))).toEqual([])
  for (const ofItem of Map.groupBy(transitions, ({ email }) => email).values()) expect(ofItem).toSatisfy(keepsDoubts)
  const resends = transitions.filter(isResend)
  const resendsTo = Map.groupBy(resends, ({ email }) => email)
  await expectInvariants(simulation.test, session.sessionId, simulation.smtp.mails, {
    copies: ({ lead }) => 1 + (resendsTo.get(lead.email)?.length ?? 0),
  })
  const { events } = await sessionDetail(simulation.test.database, session.sessionId)
  const takeovers = events.filter(({ type }) => type === 'taken_over').map(({ details }) => Number(details.inFlight))
  expect(Math.max(0, ...takeovers)).toBeLessThanOrEqual(connections)
  const lost = transitions.filter(isLoss).length
  const explained = (model.kills + seen.wronglyDeclaredDead) * connections + model.cutConnections + seen.lostAnswers
  expect(lost).toBeLessThanOrEqual(explained)

  totals.scenarios += 1
  totals.kills += model.kills
  totals.mailsInFlightAtKills += session.mailsInFlightAtKills.reduce((sum, mails) => sum + mails, 0)
  totals.lost += lost
  totals.sentAgain += resends.length
  totals.wronglyDeclaredDead += seen.wronglyDeclaredDead
}

/** Milliseconds after the start of the first process in which a scenario may begin; the minimum is run in any case. */
const scenarioTimeLimit = 34_000
const minimumScenarios = 3

it(
  'a session follows the table of transitions and keeps every invariant, whatever is done to it and to what it needs',
  { timeout: 240_000 },
  async () => {
    await expectProperty(
      fc.asyncProperty(scenarios, async (scenario) => {
        if (totals.scenarios < minimumScenarios || performance.now() < begun + scenarioTimeLimit)
          await runScenario(scenario)
      }),
      { runs: 100, shrink: false },
    )
    process.stderr.write(`${JSON.stringify(totals)}\n`)
  },
)
