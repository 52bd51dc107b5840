import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { pino } from 'pino'
import { onTestFinished } from 'vitest'
import type { List, Progress } from '@rollcall/shared'
import { ensureWebApp } from '../../src/http/web.ts'
import { openWatcher, type Watcher } from '../app/app.ts'
import { until } from '../app/activation.ts'
import { dataAt, signInAt } from '../app/client.ts'
import { freePort } from './port.ts'

export { freePort } from './port.ts'

const main = path.join(import.meta.dirname, '../../src/main.ts')
export const password = 'correct horse battery'

/** Builds the web app, so that no process has to. */
export const prepareWebApp = () => ensureWebApp(pino({ level: 'silent' }))

/** Rollcall in a process of its own. */
export interface Rollcall {
  child: ChildProcess
  url: string
  /** Everything that the process wrote so far. */
  output(): string
  /** The milliseconds from its start until it was ready. */
  readyAfter: number
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  status(path: string): Promise<number>
  call<Data>(method: string, path: string, body?: unknown): Promise<Data>
  progress(sessionId: string): Promise<Progress>
  watch(): Promise<Watcher>
}

type Environment = Record<string, string>

/** Starts a process with nothing but these variables; resolves when it has ended. */
export async function runToEnd(environment: Environment): Promise<{ code: number | null; output: string }> {
  const { output, exited } = launch(environment)
  const { code } = await exited
  return { code, output: output() }
}

/** Starts a process and waits until it is ready. */
export async function startRollcall(environment: Environment): Promise<Rollcall> {
  const port = Number(environment.PORT ?? (await freePort()))
  const url = `http://127.0.0.1:${port}`
  const begun = performance.now()
  const { child, output, exited } = launch({
    ADMIN_PASSWORD: password,
    LOG_LEVEL: 'warn',
    PORT: String(port),
    ...environment,
  })
  let ended = false
  void exited.then(() => (ended = true))
  await until(
    async () => {
      if (ended) throw new Error(`It ended before it was ready:\n${output()}`)
      return fetch(`${url}/health/ready`).then(
        ({ status }) => status,
        () => 0,
      )
    },
    (status) => status === 200,
    90_000,
  )
  const origin = `http://localhost:${port}`
  let cookie: string | null = null

  async function signedIn(): Promise<Record<string, string>> {
    cookie ??= await signIn(url, origin)
    return { cookie, origin }
  }

  const call = async <Data>(method: string, address: string, body?: unknown) =>
    dataAt<Data>(url, await signedIn(), { method, path: address, body })

  return {
    child,
    url,
    output,
    exited,
    readyAfter: performance.now() - begun,
    status: async (address) => (await fetch(url + address)).status,
    call,
    progress: (sessionId) => call('GET', `/crm/activation/progress/${sessionId}`),
    watch: async () => openWatcher(url, await signedIn()),
  }
}

function launch(environment: Environment) {
  const child = spawn(process.execPath, [main], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // The process is also killed where a test fails before it has ended it.
  onTestFinished(() => void child.kill('SIGKILL'))
  const said: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => said.push(data.toString()))
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.on('close', (code, signal) => resolve({ code, signal })),
  )
  return { child, output: () => said.join(''), exited }
}

/** Signs the first superadmin in; resolves to the cookie. */
export function signIn(url: string, origin: string): Promise<string> {
  return signInAt(url, { email: 'admin@rollcall.localhost', password }, { origin })
}

/** Adds leads; resolves to their ids. */
export async function addLeads(rollcall: Rollcall, count: number): Promise<string[]> {
  const leads = Array.from({ length: count }, (_, index) => ({
    email: `person.${index}@crowd.example`,
    firstName: 'A',
  }))
  await rollcall.call('POST', '/crm/leads', { leads })
  const { items } = await rollcall.call<List<{ id: string }>>('GET', '/crm/leads?limit=500')
  return items.map(({ id }) => id)
}

/** Kills the embedded database of a data folder with everything that belongs to it, as a power cut would. */
export function killDatabase(pidFile: string): void {
  const postmaster = Number(readFileSync(pidFile, 'utf8').split('\n')[0])
  const children = readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8').trim().split(' ')
  for (const pid of [postmaster, ...children.filter(Boolean).map(Number)]) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch (error) {
      // The process may have ended together with its postmaster already.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}
