import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Client } from 'pg'
import type { Progress, SessionOptions } from '../../shared/src/index.ts'
import { cpuSeconds, cpuSecondsOfFamily, freePort, startProgram } from './processes.ts'

const root = path.join(import.meta.dirname, '../..')
const password = 'correct horse battery'

/** A Rollcall as an operator starts it: one process for everything, and the embedded PostgreSQL with its own settings. */
export interface Rollcall {
  url: string
  pid: number
  headers: Record<string, string>
  databaseUrl: string
  /** The address of another database of the same PostgreSQL, made now. */
  createDatabase(name: string): Promise<string>
  /** Runs a statement on the database of Rollcall. */
  query<Row extends object>(text: string, values?: unknown[]): Promise<Row[]>
  call<Data>(method: string, address: string, body?: unknown): Promise<Data>
  /** Starts a session over all leads of a source. */
  start(source: string, options?: SessionOptions): Promise<Progress>
  /** What its own metrics say of one measure. */
  metric(name: string): Promise<number>
  /** Seconds of processor time so far, of the server and of its PostgreSQL. */
  cpu(): { server: number; database: number }
  stop(): Promise<void>
}

/** Starts Rollcall with a data folder of its own, and signs in as its superadmin. */
export async function startRollcall(options: { smtpUrl: string; nodeOptions?: string[] }): Promise<Rollcall> {
  const folder = await mkdtemp(path.join(tmpdir(), 'rollcall-bench-'))
  const log = await open(path.join(folder, 'server.log'), 'w')
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const data = path.join(folder, 'data')
  const server = startProgram(process.execPath, [...(options.nodeOptions ?? []), ...(await startParameters())], {
    cwd: root,
    environment: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      DATA_DIR: data,
      PORT: String(port),
      SMTP_URL: options.smtpUrl,
      ADMIN_PASSWORD: password,
    },
    log: log.fd,
  })
  const ended = server.ended.then(async (code) => {
    throw new Error(`Rollcall ended with ${code}:\n${await readFile(path.join(folder, 'server.log'), 'utf8')}`)
  })
  ended.catch(() => undefined)
  await Promise.race([ready(url), ended])

  const home = path.join(data, 'postgres')
  const read = async (name: string) => (await readFile(path.join(home, name), 'utf8')).trim()
  const address = `postgres://rollcall:${await read('password')}@127.0.0.1:${await read('port')}`
  const postmaster = Number((await read('cluster/postmaster.pid')).split('\n')[0])
  const client = new Client({ connectionString: `${address}/rollcall`, application_name: 'bench' })
  await client.connect()
  const headers = await signIn(url)

  async function call<Data>(method: string, where: string, body?: unknown): Promise<Data> {
    const response = await fetch(url + where, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const answer = (await response.json()) as { success: boolean; data: Data }
    if (!answer.success) throw new Error(`${method} ${where} answered ${JSON.stringify(answer)}`)
    return answer.data
  }

  return {
    url,
    pid: server.pid,
    headers,
    databaseUrl: `${address}/rollcall`,
    async createDatabase(name) {
      await client.query(`CREATE DATABASE ${name}`)
      return `${address}/${name}`
    },
    query: async <Row extends object>(text: string, values: unknown[] = []) =>
      (await client.query<Row>(text, values)).rows,
    call,
    start: (source, sessionOptions = {}) =>
      call<Progress>('POST', '/crm/activation/sessions', {
        selection: { filter: { source } },
        options: sessionOptions,
      }),
    async metric(name) {
      const text = await (await fetch(`${url}/metrics`)).text()
      return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? NaN)
    },
    cpu: () => ({ server: cpuSeconds(server.pid), database: cpuSecondsOfFamily(postmaster) }),
    async stop() {
      await client.end()
      await server.stop()
      await log.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** What `npm start` gives to node. */
async function startParameters(): Promise<string[]> {
  const { scripts } = JSON.parse(await readFile(path.join(root, 'package.json'), 'utf8')) as {
    scripts: { start: string }
  }
  return scripts.start.split(' ').slice(1)
}

async function ready(url: string): Promise<void> {
  // The first start builds the web app.
  for (let tries = 0; tries < 1200; tries += 1) {
    const status = await fetch(`${url}/health/ready`).then(
      (response) => response.status,
      () => 0,
    )
    if (status === 200) return
    await wait(100)
  }
  throw new Error('Rollcall did not become ready.')
}

async function signIn(url: string): Promise<Record<string, string>> {
  const response = await fetch(`${url}/api/auth/sign-in/email`, {
    method: 'POST',
    headers: { origin: url, 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'admin@localhost', password }),
  })
  if (!response.ok) throw new Error(`Signing in answered ${response.status}.`)
  const cookies = response.headers.getSetCookie().map((each) => each.split(';')[0])
  return { cookie: cookies.join('; '), origin: url }
}

/** Stores so many leads under a source, as an import would leave them, and lets the database come to rest. */
export async function seedLeads(rollcall: Pick<Rollcall, 'query'>, source: string, count: number): Promise<void> {
  await rollcall.query(
    `INSERT INTO leads (email, email_key, first_name, last_name, company, source)
      SELECT email, email, 'First' || n, 'Last' || n, 'Company', $1
      FROM (SELECT n, 'person.' || n || '@' || $1 || '.example' AS email FROM generate_series(1, $2::int) AS n) AS made`,
    [source, count],
  )
  await rollcall.query('CHECKPOINT')
}

/** Waits until a session is completed; asks five times a second. */
export function untilCompleted(rollcall: Rollcall, sessionId: string): Promise<Progress> {
  return untilProgress(rollcall, sessionId, ({ completed }) => completed, 200)
}

/** Waits until a session's progress is as wanted, and gives it; asks every so many milliseconds. */
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
