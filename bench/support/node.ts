import { open, readFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { dataAt, signInAt } from '../../server/test/app/client.ts'
import { freePort } from '../../server/test/process/port.ts'
import { startProgram, type Program } from './processes.ts'

const password = 'correct horse battery'

/** A process of Rollcall. */
export interface Node extends Program {
  url: string
}

/** Starts Rollcall with these parameters of Node, waits until it is ready, and rejects with its log where it ends before. */
export async function startNode(options: {
  parameters: readonly string[]
  environment: Record<string, string>
  logFile: string
  cwd?: string
}): Promise<Node> {
  const port = await freePort()
  const log = await open(options.logFile, 'a')
  const program = startProgram(process.execPath, options.parameters, {
    environment: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      ADMIN_PASSWORD: password,
      PORT: String(port),
      ...options.environment,
    },
    log: log.fd,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  await log.close()
  const ended = program.ended.then(async (code) => {
    throw new Error(`Rollcall ended with ${code}:\n${await readFile(options.logFile, 'utf8')}`)
  })
  ended.catch(() => undefined)
  const url = `http://127.0.0.1:${port}`
  await Promise.race([ready(url), ended])
  return { ...program, url }
}

async function ready(url: string): Promise<void> {
  // The start may take long, because the first one builds the web app.
  for (let tries = 0; tries < 1200; tries += 1) {
    const isReady = await fetch(`${url}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    )
    if (isReady) return
    await wait(100)
  }
  throw new Error('Rollcall did not become ready.')
}

/** The API as a person who is signed in calls it. */
export interface Client {
  headers: Record<string, string>
  call: <Data>(method: string, path: string, body?: unknown) => Promise<Data>
}

/** Signs the first superadmin in. */
export async function openClient(url: string): Promise<Client> {
  const origin = `http://localhost:${new URL(url).port}`
  const headers = { cookie: await signInAt(url, { email: 'admin@rollcall.localhost', password }, { origin }), origin }
  return {
    headers,
    call: <Data>(method: string, path: string, body?: unknown) => dataAt<Data>(url, headers, { method, path, body }),
  }
}
