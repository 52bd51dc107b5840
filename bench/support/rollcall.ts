import { readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Client } from 'pg'
import { makeFolder } from '../../server/test/process/folder.ts'
import type { Progress, SessionOptions } from '../../shared/src/index.ts'
import { openClient, startNode } from './node.ts'
import { cpuSeconds, cpuSecondsOfFamily } from './processes.ts'

const root = path.join(import.meta.dirname, '../..')

/** Rollcall as an operator starts it: one process for everything, and the embedded PostgreSQL with its own settings. */
export interface Rollcall {
  url: string
  pid: number
  /** The process id of its PostgreSQL. */
  postmaster: number
  headers: Record<string, string>
  databaseUrl: string
  /** Creates another database in the same PostgreSQL; resolves to its address. */
  createDatabase(name: string): Promise<string>
  /**
   * Does for all databases at once what PostgreSQL does by itself within a minute, so that the next measurement does not include
   * the upkeep of what was written before.
   */
  tidy(): Promise<void>
  /** Runs a statement on the database of Rollcall. */
  query<Row extends object>(text: string, values?: unknown[]): Promise<Row[]>
  call<Data>(method: string, address: string, body?: unknown): Promise<Data>
  /** Starts a session over all leads of a source. */
  start(source: string, options?: SessionOptions): Promise<Progress>
  /** Reads one value of Rollcall's own metrics. */
  metric(name: string): Promise<number>
  /** Returns the processor time of the server and of its PostgreSQL so far, in seconds. */
  cpu(): { server: number; database: number }
  stop(): Promise<void>
}

interface Options {
  /** The mail server; without it, Rollcall uses the built-in mailbox. */
  smtpUrl?: string
  nodeOptions?: string[]
  /** A data folder that is kept; without it, Rollcall has one that is removed at its end. */
  dataDirectory?: string
  /** Further environment variables. */
  environment?: Record<string, string>
}

/** Starts Rollcall on a data folder, and signs in as its superadmin. */
export async function startRollcall(options: Options): Promise<Rollcall> {
  const folder = await makeFolder('rollcall-bench-')
  const data = options.dataDirectory ?? path.join(folder, 'data')
  const server = await startNode({
    parameters: [...(options.nodeOptions ?? []), ...(await startParameters())],
    cwd: root,
    environment: {
      DATA_DIR: data,
      ...(options.smtpUrl === undefined ? {} : { SMTP_URL: options.smtpUrl }),
      ...options.environment,
    },
    logFile: path.join(folder, 'server.log'),
  })

  const home = path.join(data, 'postgres')
  const read = async (name: string) => (await readFile(path.join(home, name), 'utf8')).trim()
  const address = `postgres://rollcall:${await read('password')}@127.0.0.1:${await read('port')}`
  const postmaster = Number((await read('cluster/postmaster.pid')).split('\n')[0])
  const database = new Client({ connectionString: `${address}/rollcall`, application_name: 'bench' })
  await database.connect()
  const { headers, call } = await openClient(server.url)
  const others: string[] = []

  return {
    url: server.url,
    pid: server.pid,
    postmaster,
    headers,
    databaseUrl: `${address}/rollcall`,
    async createDatabase(name) {
      await database.query(`CREATE DATABASE ${name}`)
      others.push(name)
      return `${address}/${name}`
    },
    async tidy() {
      await database.query('VACUUM (ANALYZE)')
      for (const name of others) {
        const other = new Client({ connectionString: `${address}/${name}`, application_name: 'bench' })
        await other.connect()
        await other.query('VACUUM (ANALYZE)')
        await other.end()
      }
      await database.query('CHECKPOINT')
    },
    query: async <Row extends object>(text: string, values: unknown[] = []) =>
      (await database.query<Row>(text, values)).rows,
    call,
    start: (source, sessionOptions = {}) =>
      call<Progress>('POST', '/crm/activation/sessions', {
        selection: { filter: { source } },
        options: sessionOptions,
      }),
    async metric(name) {
      const text = await (await fetch(`${server.url}/metrics`)).text()
      return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? NaN)
    },
    cpu: () => ({ server: cpuSeconds(server.pid), database: cpuSecondsOfFamily(postmaster) }),
    async stop() {
      await database.end()
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Reads the options that `npm start` gives to node. */
async function startParameters(): Promise<string[]> {
  const { scripts } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as {
    scripts: { start: string }
  }
  return scripts.start.split(' ').slice(1)
}

/** Stores so many leads under a source, and does the upkeep that PostgreSQL does within a minute after an import. */
export async function seedLeads(rollcall: Pick<Rollcall, 'query'>, source: string, count: number): Promise<void> {
  await rollcall.query(
    `INSERT INTO leads (email, email_key, first_name, last_name, company, source)
      SELECT email, email, 'First' || n, 'Last' || n, 'Company', $1
      FROM (SELECT n, 'person.' || n || '@' || $1 || '.example' AS email FROM generate_series(1, $2::int) AS n) AS made`,
    [source, count],
  )
  await rollcall.query('VACUUM (ANALYZE) leads')
  await rollcall.query('CHECKPOINT')
}

/** Waits until a session is completed, and reads its progress five times a second for that. */
export function untilCompleted(rollcall: Rollcall, sessionId: string): Promise<Progress> {
  return untilProgress(rollcall, sessionId, ({ completed }) => completed, 200)
}

/** Reads a session's progress every so many milliseconds until it is as wanted; resolves to it. */
export async function untilProgress(
  rollcall: Rollcall,
  sessionId: string,
  wanted: (progress: Progress) => boolean,
  every = 20,
): Promise<Progress> {
  for (;;) {
    const progress = await rollcall.call<Progress>('GET', `/crm/activation/progress/${sessionId}`)
    if (wanted(progress)) return progress
    await wait(every)
  }
}
