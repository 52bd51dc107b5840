import { tmpdir } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { Program } from '../support/processes.ts'
import { seedLeads } from '../support/rollcall.ts'
import { describeMachine, median, runRounds } from '../support/rounds.ts'
import { startPlainSink } from '../support/sink.ts'
import { cpuOf, startInstallation } from './installation.ts'

/**
 * Measures what more worker processes bring: mails a second of one session with 1, 2 and 4 of them on one PostgreSQL, against a
 * mail server that is a round trip of 20 ms away. Each worker has two connections, so that the mail server is the limit also
 * where everything shares two cores. With `--delay 0 --connections 20` PostgreSQL and the processor are the limit.
 */
const { values: given } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    leads: { type: 'string', default: '1000' },
    /** The number of connections of each worker to the mail server. */
    connections: { type: 'string', default: '2' },
    delay: { type: 'string', default: '20' },
    workers: { type: 'string', default: '4,2,1' },
    /** The folder of the database, which decides on which disk it lies. */
    folder: { type: 'string', default: tmpdir() },
    /** Prints after each run which statements PostgreSQL spent its time on. */
    statements: { type: 'boolean', default: false },
  },
})
const leads = Number(given.leads)
const print = (line: string) => void process.stdout.write(`${line}\n`)

const sink = await startPlainSink(Number(given.delay))
const installation = await startInstallation({
  smtpUrl: `smtp://127.0.0.1:${sink.port}?connections=${given.connections}&ignoreTLS=true`,
  parent: given.folder,
})
const counts = given.workers.split(',').map(Number)
const costs = new Map<number, Cost[]>(counts.map((count) => [count, []]))
let runs = 0
let activated = 0
try {
  await compare()
  await printSizes()
} finally {
  await installation.stop()
  await sink.stop()
}

async function compare(): Promise<void> {
  const [versions] = await installation.query<{ version: string; fsync: string }>(
    `SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync`,
  )
  print(describeMachine())
  print(`PostgreSQL ${versions?.version} (fsync ${versions?.fsync}), one session of ${leads} leads a run,`)
  print(`${given.connections} connections a worker, a mail server that answers after ${given.delay} ms`)

  await runRounds(
    counts.map((count) => ({ name: `${count} worker${count === 1 ? '' : 's'}`, run: () => run(count) })),
    { rounds: Number(given.rounds), unit: 'mails/s', print },
  )
  for (const [count, all] of costs) {
    const middle = (pick: (cost: Cost) => number) => Math.round(median(all.map(pick)))
    print(
      `cost     ${count} workers: ${middle((each) => each.commits)} commits/s, ${middle((each) => each.commitsAMail * 100) / 100} commits, ` +
        `${middle((each) => each.wal)} bytes of WAL, ${middle((each) => each.database)} µs of PostgreSQL and ${middle((each) => each.workers)} µs of workers a mail; ` +
        `whole session in ${middle((each) => each.seconds * 10) / 10} s`,
    )
  }
}

/** The cost of a run, from the request that started the session until it was completed. */
interface Cost {
  seconds: number
  commits: number
  commitsAMail: number
  /** Bytes of write-ahead log a mail. */
  wal: number
  /** Processor time of PostgreSQL a mail, in microseconds. */
  database: number
  workers: number
}

/** Runs one session with so many workers; resolves to mails a second, from the first that the mail server accepted to the last. */
async function run(count: number): Promise<number> {
  const workers = await installation.startWorkers(count)
  // Another session runs before the one that counts, so that connections are open and the code is warm.
  await session(`warm${runs}`, 250 * count)
  await sink.taken()
  await installation.query('SELECT pg_stat_statements_reset()')
  const before = await usage(workers)
  const source = `run${runs++}`
  const seconds = await session(source, leads)
  const after = await usage(workers)
  const taken = await sink.taken()
  if (given.statements) await printStatements()
  await Promise.all(workers.map((worker) => worker.stop()))
  if (taken.mails !== leads) throw new Error(`The mail server took ${taken.mails} mails instead of ${leads}.`)
  costs.get(count)?.push({
    seconds,
    commits: (after.commits - before.commits) / seconds,
    commitsAMail: (after.commits - before.commits) / leads,
    wal: (after.wal - before.wal) / leads,
    database: ((after.database - before.database) / leads) * 1e6,
    workers: ((after.workers - before.workers) / leads) * 1e6,
  })
  return (leads - 1) / ((taken.last - taken.first) / 1000)
}

async function session(source: string, count: number): Promise<number> {
  await seedLeads(installation, source, count)
  activated += count
  const begun = performance.now()
  const { sessionId } = await installation.start(source)
  for (;;) {
    const { completed, mails } = await installation.progress(sessionId)
    if (completed && mails.sent !== count) throw new Error(`Only ${mails.sent} of ${count} mails were sent.`)
    if (completed) return (performance.now() - begun) / 1000
    await wait(100)
  }
}

async function usage(workers: readonly Program[]) {
  const [row] = await installation.query<{ commits: string; wal: string }>(
    `SELECT xact_commit AS commits, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') AS wal FROM pg_stat_database WHERE datname = current_database()`,
  )
  return {
    commits: Number(row?.commits),
    wal: Number(row?.wal),
    database: installation.databaseCpu(),
    workers: cpuOf(workers),
  }
}

async function printStatements(): Promise<void> {
  const rows = await installation.query<{ text: string; calls: string; milliseconds: number; wal: number }>(
    `SELECT left(regexp_replace(query, '\\s+', ' ', 'g'), 90) AS text, calls, total_exec_time + total_plan_time AS milliseconds, wal_bytes::float8 AS wal
     FROM pg_stat_statements ORDER BY total_exec_time + total_plan_time DESC LIMIT 12`,
  )
  for (const { text, calls, milliseconds, wal } of rows)
    print(
      `         ${calls.padStart(7)} × ${(milliseconds / Number(calls)).toFixed(2).padStart(7)} ms, ${Math.round(wal / Number(calls))} bytes of WAL  ${text}`,
    )
}

/** Prints the bytes on disk a lead, with indexes and with the old versions of rows that a vacuum has not freed yet. */
async function printSizes(): Promise<void> {
  const rows = await installation.query<{ name: string; bytes: number }>(
    `SELECT relname AS name, pg_total_relation_size(oid)::float8 AS bytes FROM pg_class
     WHERE relkind = 'r' AND relnamespace::regnamespace::text IN ('public', 'jobs') AND pg_total_relation_size(oid) > 100000 ORDER BY bytes DESC`,
  )
  const sizes = rows.map(({ name, bytes }) => `${name} ${Math.round(bytes / activated)}`)
  print(`on disk  bytes a lead, of ${activated}: ${sizes.join(', ')}`)
}
