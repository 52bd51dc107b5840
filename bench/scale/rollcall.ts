import { spawn, type ChildProcess } from 'node:child_process'
import net, { type AddressInfo } from 'node:net'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

const main = path.join(import.meta.dirname, '../../server/src/main.ts')
const password = 'correct horse battery'

/** Rollcall as `npm start` runs it, in a process of its own, with its embedded PostgreSQL. */
export interface Rollcall {
  processId: number
  /** Calls it over HTTP as the first superadmin; gives the `data` of a success and throws where it is none. */
  call<Data>(method: string, address: string, body?: unknown): Promise<Data>
  stop(): Promise<void>
}

/** Starts it on a data folder and waits until it is ready. */
export async function startRollcall(dataDirectory: string, environment: Record<string, string>): Promise<Rollcall> {
  const port = await freePort()
  const origin = `http://localhost:${port}`
  const url = `http://127.0.0.1:${port}`
  const child = spawn(process.execPath, [main], {
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      ADMIN_PASSWORD: password,
      LOG_LEVEL: 'warn',
      PORT: String(port),
      DATA_DIR: dataDirectory,
      ...environment,
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  await ready(child, `${url}/health/ready`)
  const cookie = await signIn(url, origin)
  return {
    processId: child.pid as number,
    async call(method, address, body) {
      const response = await fetch(url + address, {
        method,
        headers: { cookie, origin, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const answer = (await response.json()) as { success: boolean; data: never }
      if (!answer.success) throw new Error(`${method} ${address} answered ${JSON.stringify(answer)}`)
      return answer.data
    },
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      if (child.exitCode !== null || !child.kill('SIGTERM')) return
      await ended
    },
  }
}

async function ready(child: ChildProcess, address: string): Promise<void> {
  for (let tries = 0; child.exitCode === null && tries < 1200; tries += 1) {
    if ((await fetch(address).catch(() => null))?.ok === true) return
    await wait(50)
  }
  child.kill('SIGKILL')
  throw new Error('Rollcall was not ready within a minute.')
}

async function signIn(url: string, origin: string): Promise<string> {
  const response = await fetch(`${url}/api/auth/sign-in/email`, {
    method: 'POST',
    headers: { origin, 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'admin@localhost', password }),
  })
  if (!response.ok) throw new Error(`Signing in answered ${response.status}.`)
  const cookies = response.headers.getSetCookie().map((each) => each.split(';')[0])
  return cookies.join('; ')
}

async function freePort(): Promise<number> {
  const server = net.createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
