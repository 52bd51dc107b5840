import { rm } from 'node:fs/promises'
import path from 'node:path'
import { Client } from 'pg'
import { pino } from 'pino'
import { makeFolder } from '../../server/test/process/folder.ts'
import { startEmbeddedPostgres } from '../../server/src/db/embedded.ts'
import type { Progress } from '../../shared/src/index.ts'
import { openClient, startNode, type Node } from '../support/node.ts'
import { cpuSeconds, cpuSecondsOfFamily, type Program } from '../support/processes.ts'

const main = path.join(import.meta.dirname, '../../server/src/main.ts')
const secret = 'a secret of the benchmark that is long enough'

/** One PostgreSQL, one process that serves, and as many workers as are started. */
export interface Installation {
  query<Row extends object>(text: string, values?: unknown[]): Promise<Row[]>
  /** Starts so many workers and waits until they are ready. */
  startWorkers(count: number): Promise<Program[]>
  /** Starts a session over all leads of a source. */
  start(source: string): Promise<Progress>
  progress(sessionId: string): Promise<Progress>
  /** Returns the processor time of PostgreSQL so far, in seconds. */
  databaseCpu(): number
  stop(): Promise<void>
}

/** Starts PostgreSQL in a new folder in `parent`, with Rollcall's settings except for more connections, and the process that serves. */
export async function startInstallation(options: { smtpUrl: string; parent: string }): Promise<Installation> {
  const folder = await makeFolder('rollcall-bench-nodes-', options.parent)
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
  const api = await start('api')
  const { call } = await openClient(api.url)

  function start(mode: 'api' | 'worker'): Promise<Node> {
    return startNode({
      parameters: [main],
      environment: {
        MODE: mode,
        DATABASE_URL: postgres.url,
        DATA_DIR: path.join(folder, 'node'),
        SECRET: secret,
        SMTP_URL: options.smtpUrl,
        LOG_LEVEL: 'warn',
        ...(process.env.REDIS_URL === undefined ? {} : { REDIS_URL: process.env.REDIS_URL }),
      },
      logFile: path.join(folder, 'nodes.log'),
    })
  }

  return {
    query,
    startWorkers: (count) => Promise.all(Array.from({ length: count }, () => start('worker'))),
    start: (source) => call('POST', '/crm/activation/sessions', { selection: { filter: { source } } }),
    progress: (sessionId) => call('GET', `/crm/activation/progress/${sessionId}`),
    databaseCpu: () => cpuSecondsOfFamily(Number(pid)),
    async stop() {
      await client.end()
      await api.stop()
      await postgres.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Returns the processor time of these processes so far, in seconds. */
export function cpuOf(programs: readonly Program[]): number {
  return programs.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0)
}
