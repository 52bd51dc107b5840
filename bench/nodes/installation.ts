import { chmod, mkdtemp, open, readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Client } from 'pg'
import { pino } from 'pino'
import { startEmbeddedPostgres } from '../../server/src/db/embedded.ts'
import type { Progress } from '../../shared/src/index.ts'
import { freePort } from '../../server/test/port.ts'
import { cpuSeconds, cpuSecondsOfFamily, startProgram, type Program } from '../activation/processes.ts'

const main = path.join(import.meta.dirname, '../../server/src/main.ts')
const password = 'correct horse battery'
const secret = 'a secret of the benchmark that is long enough'

/** One PostgreSQL, one process that serves, and as many workers as are started. */
export interface Installation {
  query<Row extends object>(text: string, values?: unknown[]): Promise<Row[]>
  /** Starts so many workers and waits until they are ready. */
  startWorkers(count: number): Promise<Program[]>
  /** Starts a session over all leads of a source. */
  start(source: string): Promise<Progress>
  progress(sessionId: string): Promise<Progress>
  /** Seconds of processor time of PostgreSQL so far. */
  databaseCpu(): number
  stop(): Promise<void>
}

/** Starts PostgreSQL in a folder of its own in `parent`, with Rollcall's settings but for more connections, and the process that serves. */
export async function startInstallation(options: { smtpUrl: string; parent: string }): Promise<Installation> {
  const folder = await mkdtemp(path.join(options.parent, 'rollcall-bench-nodes-'))
  // Where PostgreSQL's user may enter it, the database lies in it.
  await chmod(folder, 0o755)
  const log = await open(path.join(folder, 'nodes.log'), 'a')
  const postgres = await startEmbeddedPostgres({
    dataDirectory: path.join(folder, 'data'),
    logger: pino({ level: 'error' }),
    settings: { max_connections: '300', shared_preload_libraries: 'pg_stat_statements' },
  })
  const client = new Client({ connectionString: postgres.url, application_name: 'bench' })
  await client.connect()
  const query = async <Row extends object>(text: string, values: unknown[] = []) =>
    (await client.query<Row>(text, values)).rows
  await query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements')
  const [{ pid } = { pid: '' }] = await query<{ pid: string }>(
    `SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1) AS pid`,
  )
  const api = await startNode('api')
  const headers = await signIn(api.url)

  async function startNode(mode: 'api' | 'worker'): Promise<{ program: Program; url: string }> {
    const port = await freePort()
    const program = startProgram(process.execPath, [main], {
      environment: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        MODE: mode,
        PORT: String(port),
        DATABASE_URL: postgres.url,
        DATA_DIR: path.join(folder, 'node'),
        SECRET: secret,
        SMTP_URL: options.smtpUrl,
        ADMIN_PASSWORD: password,
        LOG_LEVEL: 'warn',
        ...(process.env.REDIS_URL === undefined ? {} : { REDIS_URL: process.env.REDIS_URL }),
      },
      log: log.fd,
    })
    const url = `http://127.0.0.1:${port}`
    const ended = program.ended.then(async (code) => {
      throw new Error(`A node ended with ${code}:\n${await readFile(path.join(folder, 'nodes.log'), 'utf8')}`)
    })
    ended.catch(() => undefined)
    await Promise.race([ready(url), ended])
    return { program, url }
  }

  async function call<Data>(method: string, where: string, body?: unknown): Promise<Data> {
    const response = await fetch(api.url + where, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const answer = (await response.json()) as { success: boolean; data: Data }
    if (!answer.success) throw new Error(`${method} ${where} answered ${JSON.stringify(answer)}`)
    return answer.data
  }

  return {
    query,
    startWorkers: async (count) => {
      const started = await Promise.all(Array.from({ length: count }, () => startNode('worker')))
      return started.map(({ program }) => program)
    },
    start: (source) => call('POST', '/crm/activation/sessions', { selection: { filter: { source } } }),
    progress: (sessionId) => call('GET', `/crm/activation/progress/${sessionId}`),
    databaseCpu: () => cpuSecondsOfFamily(Number(pid)),
    async stop() {
      await client.end()
      await api.program.stop()
      await postgres.stop()
      await log.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Seconds of processor time of these processes so far. */
export function cpuOf(programs: readonly Program[]): number {
  return programs.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0)
}

async function ready(url: string): Promise<void> {
  // The first start builds the web app.
  for (let tries = 0; tries < 1200; tries += 1) {
    const isReady = await fetch(`${url}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    )
    if (isReady) return
    await wait(100)
  }
  throw new Error('A node did not become ready.')
}

async function signIn(url: string): Promise<Record<string, string>> {
  const origin = `http://localhost:${new URL(url).port}`
  const response = await fetch(`${url}/api/auth/sign-in/email`, {
    method: 'POST',
    headers: { origin, 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'admin@localhost', password }),
  })
  if (!response.ok) throw new Error(`Signing in answered ${response.status}.`)
  const cookies = response.headers.getSetCookie().map((each) => each.split(';')[0])
  return { cookie: cookies.join('; '), origin }
}
