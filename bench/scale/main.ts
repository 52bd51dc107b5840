import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { Client } from 'pg'
import { makeFolder } from '../../server/test/process/folder.ts'
import { startRollcall } from '../support/rollcall.ts'
import { describeMachine } from '../support/rounds.ts'
import { processorTime } from './cpu.ts'
import { benchHistory } from './history.ts'
import { benchLeads } from './leads.ts'
import { seed } from './seed.ts'
import { benchStart } from './start.ts'

const parts = { leads: benchLeads, history: benchHistory, start: benchStart }
type Part = keyof typeof parts

const { values } = parseArgs({
  options: {
    part: { type: 'string', multiple: true, default: Object.keys(parts) },
    leads: { type: 'string', default: '1000000' },
    sessions: { type: 'string', default: '10000' },
    items: { type: 'string', default: '5000000' },
    rounds: { type: 'string', default: '30' },
    /** A folder that this run fills, or that an earlier run has filled with the same sizes; it is kept. */
    folder: { type: 'string' },
    /** Fills the folder and measures nothing. */
    fill: { type: 'boolean', default: false },
  },
})
const say = (line: string) => void process.stdout.write(`${line}\n`)
const folder = values.folder === undefined ? await makeFolder('rollcall-scale-') : path.resolve(values.folder)
await mkdir(folder, { recursive: true })
const rollcall = await startRollcall({ dataDirectory: folder, environment: { LOG_LEVEL: 'warn' } })
try {
  const client = new Client({ connectionString: rollcall.databaseUrl })
  // The connection ends together with the database where something has failed before.
  client.on('error', () => undefined)
  await client.connect()
  const size = { leads: Number(values.leads), sessions: Number(values.sessions), items: Number(values.items) }
  say(describeMachine())
  const { rows } = await client.query<{ version: string }>(`SELECT version() AS version`)
  say(`${rows[0]?.version}; ${size.leads} leads, ${size.sessions} sessions, ${size.items} items`)
  await seed(client, size, say)
  const bench = {
    rollcall,
    client,
    say,
    rounds: Number(values.rounds),
    processorTime: () => processorTime([rollcall.pid, rollcall.postmaster]),
  }
  if (!values.fill) for (const part of values.part) await parts[part as Part](bench)
  await client.end()
} finally {
  await rollcall.stop()
  if (values.folder === undefined) await rm(folder, { recursive: true, force: true })
}
