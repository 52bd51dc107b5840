import { parseArgs } from 'node:util'
import { ageOf } from '../support/ages.ts'
import { startHelper } from '../support/processes.ts'
import { seedLeads, startRollcall, untilCompleted, type Rollcall } from '../support/rollcall.ts'
import { describeMachine, median } from '../support/rounds.ts'
import { startSink } from '../support/sink.ts'
import type { Compared, Request } from './clients.process.ts'
import { addPeople } from './people.ts'

/**
 * Measures the time from a stored change to the screens while an activation runs as fast as it can: one process for everything
 * with the embedded PostgreSQL, a mail server that accepts everything, and tabs of many people that watch the session. A change
 * counts as stored just before its commit is flushed to the disk, so the flush is in every figure.
 */
const { values: given } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    leads: { type: 'string', default: '20000' },
    sockets: { type: 'string', default: '1000' },
    people: { type: 'string', default: '100' },
    connections: { type: 'string', default: '20' },
    /** Options of Node for the server's process, such as `--cpu-prof`. */
    node: { type: 'string', default: '' },
  },
})
const rounds = Number(given.rounds)
const leads = Number(given.leads)
const sockets = Number(given.sockets)
/** The time between two frames of a room, calculated as in `realtime/rooms.ts`. */
const mergeInterval = Math.min(1000, Math.max(100, (sockets * 1000) / 20_000))
const print = (line: string) => void process.stdout.write(`${line}\n`)

const sink = await startSink()
const rollcall = await startRollcall({
  smtpUrl: `smtp://127.0.0.1:${sink.port}?connections=${given.connections}&ignoreTLS=true`,
  nodeOptions: given.node.split(' ').filter(Boolean),
})
await watchVersions(rollcall)
const people = await addPeople(rollcall, Number(given.people))
print(describeMachine())
print(`${leads} leads a round, ${sockets} tabs of ${people.length} people, ${sink.name}, ${rounds} rounds`)

const reached = { change: [] as number[], frame: [] as number[], loop: [] as number[] }
for (let round = 1; round <= rounds; round += 1) await runRound(round)
print(
  `median   of every stored change at every tab, p99 beyond the merge interval of ${mergeInterval} ms: ${median(reached.change).toFixed(0)} ms (${list(reached.change)})`,
)
print(`median   of every frame, p99: ${median(reached.frame).toFixed(0)} ms (${list(reached.frame)})`)
print(`median   delay of the server's event loop, p99: ${median(reached.loop).toFixed(0)} ms (${list(reached.loop)})`)
await rollcall.stop()
await sink.stop()

async function runRound(round: number): Promise<void> {
  const source = `round${round}`
  await seedLeads(rollcall, source, leads)
  await rollcall.query('TRUNCATE bench_versions')
  // The tabs watch the session before it begins, because its start is measured like any other change.
  const { sessionId } = await rollcall.start(source, { startAt: inAnHour() })
  const clients = startHelper(new URL('clients.process.ts', import.meta.url))
  const ask = <Answer>(request: Request) => clients.ask<Answer>(request)
  await ask({ do: 'join', port: Number(new URL(rollcall.url).port), sockets, people, sessionId })
  await rollcall.call('POST', `/crm/activation/sessions/${sessionId}/pause`)
  await rollcall.query('TRUNCATE bench_versions')
  // The server measures the delay of its event loop from one reading of the metric to the next.
  await rollcall.metric('nodejs_eventloop_lag_p99_seconds')
  const begun = performance.now()
  await rollcall.call('POST', `/crm/activation/sessions/${sessionId}/resume`)
  await untilCompleted(rollcall, sessionId)
  const seconds = (performance.now() - begun) / 1000
  const loop = (await rollcall.metric('nodejs_eventloop_lag_p99_seconds')) * 1000
  const rows = await rollcall.query<{ version: string; at: number }>(
    `SELECT version, extract(epoch FROM at)::float8 * 1000 AS at FROM bench_versions WHERE session_id = $1 ORDER BY version`,
    [sessionId],
  )
  // The last frame may still be on its way to the tabs.
  await new Promise((resolve) => setTimeout(resolve, 1000))
  const { frames, ofFrames, ofChanges } = await ask<Compared>({
    do: 'compare',
    versions: rows.map(({ version, at }) => [Number(version), at]),
  })
  await clients.stop()
  const change = ageOf(ofChanges, 0.99) - mergeInterval
  reached.change.push(change)
  reached.frame.push(ageOf(ofFrames, 0.99))
  reached.loop.push(loop)
  print(
    `round ${round}  ${Math.round(leads / seconds)} mails/s, ${rows.length} changes stored, ${Math.round(frames / seconds)} frames/s`,
  )
  print(
    `         a change until a tab has it: p50 ${ageOf(ofChanges, 0.5).toFixed(0)} ms, p99 ${ageOf(ofChanges, 0.99).toFixed(0)} ms; a frame: p50 ${ageOf(ofFrames, 0.5).toFixed(0)} ms, p99 ${ageOf(ofFrames, 0.99).toFixed(0)} ms; event loop p99 ${loop.toFixed(0)} ms`,
  )
}

/** Makes the database note the time at which each version of a session is about to be committed. */
async function watchVersions(over: Rollcall): Promise<void> {
  await over.query(`CREATE UNLOGGED TABLE bench_versions (session_id text, version bigint, at timestamptz)`)
  await over.query(`CREATE FUNCTION bench_note() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO bench_versions VALUES (NEW.id, NEW.version, clock_timestamp()); RETURN NULL; END'`)
  await over.query(`CREATE CONSTRAINT TRIGGER bench_note AFTER UPDATE OF version ON sessions
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION bench_note()`)
}

function inAnHour(): string {
  return new Date(Date.now() + 3_600_000).toISOString()
}

function list(numbers: number[]): string {
  return numbers.map((each) => each.toFixed(0)).join(', ')
}
