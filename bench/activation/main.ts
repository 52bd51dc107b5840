import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { Progress } from '../../shared/src/index.ts'
import { startHelper } from '../support/processes.ts'
import { seedLeads, startRollcall, type Rollcall } from '../support/rollcall.ts'
import { describeMachine, median, runRounds, type Contender } from '../support/rounds.ts'
import { startSink } from '../support/sink.ts'
import { sampleMessage, type Message } from './message.ts'

/**
 * Measures a whole activation against three peers: mails a second from the request that starts the session until ten tabs were
 * told that it is completed. Accounts, gates, outcomes and progress are stored in the embedded PostgreSQL with fsync.
 */
const { values: given } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    leads: { type: 'string', default: '20000' },
    connections: { type: 'string', default: '100' },
    /** The peers to compare with: any of nodemailer, smtp-source, pg-boss. */
    peers: { type: 'string', default: 'nodemailer,smtp-source,pg-boss' },
    /** Options of Node for the server's process, such as `--cpu-prof`. */
    node: { type: 'string', default: '' },
  },
})
const rounds = Number(given.rounds)
const leads = Number(given.leads)
const peers = given.peers.split(',')
const print = (line: string) => void process.stdout.write(`${line}\n`)

const sink = await startSink()
const rollcall = await startRollcall({
  smtpUrl: `smtp://127.0.0.1:${sink.port}?connections=${given.connections}&ignoreTLS=true`,
  nodeOptions: given.node.split(' ').filter(Boolean),
})
const message = sampleMessage()
const [versions] = await rollcall.query<{ version: string; fsync: string }>(
  `SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync`,
)
print(describeMachine())
print(`PostgreSQL ${versions?.version} (fsync ${versions?.fsync}), ${sink.name}, ${given.connections} connections`)
print(`${leads} leads a round, ${message.size} bytes a mail, ten tabs, ${rounds} rounds`)

const delays: number[] = []
const cpu: number[] = []
const contenders: Contender[] = [{ name: 'Rollcall', run: () => activate(rollcall) }]
if (peers.includes('nodemailer')) contenders.push(await nodemailerPeer(message))
if (peers.includes('smtp-source')) contenders.push(...smtpSourcePeer(message))
if (peers.includes('pg-boss')) contenders.push(await pgBossPeer(message))
await runRounds(contenders, { rounds, unit: 'mails/s', print, rest: () => rollcall.tidy(), warmUp: true })
// The first figure of each list is that of the warm-up.
const [delaysOfRounds, cpuOfRounds] = [delays.slice(1), cpu.slice(1)]
print(
  `Rollcall's event loop: p99 delay ${median(delaysOfRounds).toFixed(1)} ms (of each round: ${list(delaysOfRounds)})`,
)
print(
  `Rollcall's processor time with PostgreSQL's: ${Math.round(median(cpuOfRounds))} µs a mail (of each round: ${list(cpuOfRounds)})`,
)
await rollcall.stop()
await sink.stop()

function list(numbers: number[]): string {
  return numbers.map((each) => each.toFixed(0)).join(', ')
}

/** Runs one session over new leads; resolves to mails a second. Throws where an item does not have the outcome that it must have. */
async function activate(over: Rollcall): Promise<number> {
  const source = `round${delays.length}`
  await seedLeads(over, source, leads)
  const tabs = startHelper(new URL('tabs.process.ts', import.meta.url))
  await over.metric('nodejs_eventloop_lag_p99_seconds')
  const before = over.cpu()
  const begun = performance.now()
  const { sessionId } = await over.start(source)
  const { frames, progress } = await tabs.ask<{ frames: number; progress: Progress }>({
    url: over.url,
    headers: over.headers,
    sessionId,
    tabs: 10,
  })
  const seconds = (performance.now() - begun) / 1000
  const after = over.cpu()
  const delay = (await over.metric('nodejs_eventloop_lag_p99_seconds')) * 1000
  await tabs.stop()
  if (progress.accounts.created !== leads || progress.mails.sent !== leads)
    throw new Error(`Not every lead was activated: ${JSON.stringify(progress)}`)
  const server = ((after.server - before.server) / leads) * 1e6
  const database = ((after.database - before.database) / leads) * 1e6
  delays.push(delay)
  cpu.push(server + database)
  print(
    `         loop p99 ${delay.toFixed(1)} ms, ${server.toFixed(0)} + ${database.toFixed(0)} µs of server + PostgreSQL a mail, version ${progress.version}, ${frames} frames to tabs`,
  )
  return leads / seconds
}

/** Creates the peer of nodemailer's pool, with the number of connections that is fastest on this machine. */
async function nodemailerPeer(mail: Message): Promise<Contender> {
  const send = async (connections: number, mails: number) => {
    const helper = startHelper(new URL('nodemailer.process.ts', import.meta.url))
    const reached = await helper.ask<number>({ port: sink.port, connections, mails, message: mail })
    await helper.stop()
    return reached
  }
  const tried: { connections: number; reached: number }[] = []
  for (const connections of [5, 10, 20, 50, 100])
    tried.push({ connections, reached: await send(connections, Math.ceil(leads / 5)) })
  const best = tried.toSorted((a, b) => b.reached - a.reached)[0]?.connections ?? 10
  return { name: `nodemailer's pool of ${best}`, run: () => send(best, leads) }
}

function smtpSourcePeer(mail: Message): Contender[] {
  const program = '/usr/sbin/smtp-source'
  if (!existsSync(program)) {
    print('smtp-source (Debian: postfix) is not installed, so it is not compared with.')
    return []
  }
  const recipient = ['-f', mail.from, '-t', 'person@crowd.example']
  const parameters = ['-d', '-s', '20', '-l', String(mail.size), '-m', String(leads), ...recipient]
  return [
    {
      name: 'smtp-source with 20 sessions',
      async run() {
        const begun = performance.now()
        const { status, stderr } = spawnSync(program, [...parameters, `127.0.0.1:${sink.port}`], { encoding: 'utf8' })
        if (status !== 0) throw new Error(`smtp-source ended with ${status}: ${stderr}`)
        return leads / ((performance.now() - begun) / 1000)
      },
    },
  ]
}

/** Creates the peer of one job a lead on pg-boss, in another database of the same PostgreSQL. */
async function pgBossPeer(mail: Message): Promise<Contender> {
  const databaseUrl = await rollcall.createDatabase('peer')
  return {
    name: 'a job a lead on pg-boss',
    async run() {
      const helper = startHelper(new URL('pg-boss.process.ts', import.meta.url))
      const reached = await helper.ask<number>({ databaseUrl, port: sink.port, mails: leads, message: mail })
      await helper.stop()
      return reached
    },
  }
}
