import { parseArgs } from 'node:util'
import { forgetPeakMemory, peakMemory } from '../support/processes.ts'
import { seedLeads, startRollcall, untilCompleted, type Rollcall } from '../support/rollcall.ts'
import { describeMachine, median } from '../support/rounds.ts'
import { startSink } from '../support/sink.ts'

/**
 * Measures what a lead of a large session costs against one of a small session: processor time of server and PostgreSQL, time, and
 * the most memory that the server's process has. Each size has a Rollcall of its own, warmed up by a first session.
 */
const { values: given } = parseArgs({
  options: {
    large: { type: 'string', default: '1000000' },
    small: { type: 'string', default: '10000' },
    /** The number of small sessions, of which the median counts. */
    sessions: { type: 'string', default: '5' },
    connections: { type: 'string', default: '100' },
  },
})
const print = (line: string) => void process.stdout.write(`${line}\n`)

interface Cost {
  /** Processor time a lead, in microseconds. */
  processor: number
  time: number
  /** The most memory of the server's process, in MB. */
  memory: number
}

const sink = await startSink()
print(describeMachine())
print(`${sink.name}, ${given.connections} connections`)
const small = middleOf(await measure(Number(given.small), Number(given.sessions)))
const large = middleOf(await measure(Number(given.large), 1))
print(`ratio    processor time a lead, large / small = ${(large.processor / small.processor).toFixed(2)}`)
print(`ratio    time a lead, large / small = ${(large.time / small.time).toFixed(2)}`)
print(`ratio    memory of the server, large / small = ${(large.memory / small.memory).toFixed(2)}`)
await sink.stop()

async function measure(leads: number, sessions: number): Promise<Cost[]> {
  const rollcall = await startRollcall({
    smtpUrl: `smtp://127.0.0.1:${sink.port}?connections=${given.connections}&ignoreTLS=true`,
  })
  await run(rollcall, 'warm', 5000)
  const costs: Cost[] = []
  for (let each = 0; each < sessions; each += 1) {
    const cost = await run(rollcall, `size${each}`, leads)
    print(
      `${leads.toLocaleString('en').padStart(9)} leads: ${cost.processor.toFixed(0)} µs of processor a lead, ${cost.time.toFixed(0)} µs a lead, ${cost.memory.toFixed(0)} MB at most`,
    )
    costs.push(cost)
  }
  await rollcall.stop()
  return costs
}

async function run(rollcall: Rollcall, source: string, leads: number): Promise<Cost> {
  await seedLeads(rollcall, source, leads)
  // The vacuum of what was just stored must not run during the session that is measured.
  await rollcall.query('VACUUM (ANALYZE) leads')
  forgetPeakMemory(rollcall.pid)
  const before = rollcall.cpu()
  const begun = performance.now()
  const { sessionId } = await rollcall.start(source)
  const done = await untilCompleted(rollcall, sessionId)
  const milliseconds = performance.now() - begun
  const after = rollcall.cpu()
  if (done.mails.sent !== leads) throw new Error(`Not every lead was activated: ${JSON.stringify(done)}`)
  const seconds = after.server - before.server + after.database - before.database
  return {
    processor: (seconds / leads) * 1e6,
    time: (milliseconds / leads) * 1000,
    memory: peakMemory(rollcall.pid),
  }
}

function middleOf(costs: Cost[]): Cost {
  return {
    processor: median(costs.map((cost) => cost.processor)),
    time: median(costs.map((cost) => cost.time)),
    memory: median(costs.map((cost) => cost.memory)),
  }
}
