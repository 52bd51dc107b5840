import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { onTestFinished } from 'vitest'
import type { Progress } from '@rollcall/shared'
import { addLeads } from '../app/activation.ts'
import { createTestDatabase, type TestDatabase } from '../database/database.ts'
import { freePort } from '../process/port.ts'
import { signIn, startRollcall, type Rollcall } from '../process/rollcall.ts'
import { startScriptedSmtpServer, type ScriptedSmtpServer } from '../smtp/scripted-smtp-server.ts'
import { type Nginx, startNginx } from './nginx.ts'
import { openTab, type Tab } from './tab.ts'

/** How many mails each worker has under way at once. */
export const mailConnections = 4

export const nodeNames = ['worker-1', 'worker-2', 'api-1', 'api-2'] as const
export type NodeName = (typeof nodeNames)[number]

/** Two api nodes and two workers on one database, behind nginx. */
export interface Nodes {
  test: TestDatabase
  smtp: ScriptedSmtpServer
  nginx: Nginx
  /** The balancer's address, which is also PUBLIC_URL. */
  url: string
  /** The headers of a superadmin's own page. */
  signedIn: { cookie: string; origin: string }
  node: (name: NodeName) => Rollcall
  /** Starts a node again that ended, on the same port; resolves when it is ready. */
  restart(name: NodeName): Promise<void>
  /** Stores leads and starts a session of all of them, over the balancer. */
  startSession(leads: number): Promise<string>
  /** Reads the stored version of a session. */
  version(sessionId: string): Promise<number>
  openTabs(count: number, sessionId: string): Tab[]
  /** Returns the error lines of the logs of all processes, also of those that ended. */
  errors(): string[]
  stop(): Promise<void>
}

/** Starts everything that a test of many nodes needs. To be called within a test. */
export async function startNodes(): Promise<Nodes> {
  const closing: (() => Promise<unknown>)[] = []
  const stop = async () => {
    for (const close of closing.splice(0).toReversed()) await close()
  }
  try {
    const nodes = await openNodes(closing, stop)
    // The nodes are also stopped where a test fails before it has stopped them.
    onTestFinished(stop, 60_000)
    return nodes
  } catch (error) {
    await stop().catch(() => undefined)
    throw error
  }
}

async function openNodes(closing: (() => Promise<unknown>)[], stop: () => Promise<void>): Promise<Nodes> {
  const test = await createTestDatabase()
  closing.push(() => test.close())
  const smtp = await startScriptedSmtpServer()
  closing.push(() => smtp.stop())
  const folder = await mkdtemp(path.join(tmpdir(), 'rollcall-nodes-'))
  closing.push(() => rm(folder, { recursive: true, force: true }))
  const ports = { 'worker-1': 0, 'worker-2': 0, 'api-1': 0, 'api-2': 0 }
  for (const name of nodeNames) ports[name] = await freePort()
  const url = `http://localhost:${await freePort()}`
  const lives: Rollcall[] = []
  const nodes = new Map<NodeName, Rollcall>()
  const start = async (name: NodeName) => {
    const node = await startRollcall({
      MODE: name.startsWith('api') ? 'api' : 'worker',
      PORT: String(ports[name]),
      PUBLIC_URL: url,
      DATABASE_URL: test.url,
      DATA_DIR: path.join(folder, name),
      SECRET: 'a secret of the tests that is long enough',
      SMTP_URL: `${smtp.url}?connections=${mailConnections}&ignoreTLS=true`,
    })
    nodes.set(name, node)
    lives.push(node)
  }
  closing.push(() => Promise.all([...nodes.values()].map(endNode)))
  await Promise.all(nodeNames.map(start))
  const nginx = await startNginx(Number(new URL(url).port), [ports['api-1'], ports['api-2']])
  closing.push(() => nginx.stop())
  const signedIn = { cookie: await signIn(url, url), origin: url }
  const tabs: Tab[] = []
  closing.push(async () => {
    for (const tab of tabs) tab.close()
  })

  return {
    test,
    smtp,
    nginx,
    url,
    signedIn,
    node: (name) => nodes.get(name)!,
    restart: start,
    async startSession(leads) {
      await addLeads(test, leads)
      const response = await fetch(`${url}/crm/activation/sessions`, {
        method: 'POST',
        headers: { ...signedIn, 'content-type': 'application/json' },
        body: JSON.stringify({ selection: { filter: {} } }),
      })
      const { data } = (await response.json()) as { data: Progress }
      return data.sessionId
    },
    async version(sessionId) {
      const { rows } = await test.pool.query<{ version: number }>('SELECT version FROM sessions WHERE id = $1', [
        sessionId,
      ])
      return Number(rows[0]?.version)
    },
    openTabs(count, sessionId) {
      const opened = Array.from({ length: count }, () => openTab(url, signedIn, sessionId))
      tabs.push(...opened)
      return opened
    },
    errors: () =>
      lives.flatMap((node) =>
        node
          .output()
          .split('\n')
          .filter((line) => /^\{"level":[56]0,/.test(line)),
      ),
    stop,
  }
}

async function endNode({ child, exited }: Rollcall): Promise<void> {
  child.kill('SIGTERM')
  await exited
}

/** Returns the addresses that were mailed more than once, each with how often. */
export function copiesIn(smtp: ScriptedSmtpServer): [string, number][] {
  return Array.from(
    Map.groupBy(smtp.mails, ({ to }) => to.join()),
    ([address, mails]): [string, number] => [address, mails.length],
  ).filter(([, count]) => count > 1)
}

/** Returns the Message-IDs that arrived more than once. */
export function repeatedMessageIds(smtp: ScriptedSmtpServer): string[] {
  const ids = smtp.mails.map(({ raw }) => /^Message-ID:\s*(\S+)/im.exec(raw.toString('latin1'))?.[1] ?? 'none')
  return Array.from(Map.groupBy(ids, (id) => id))
    .filter(([id, mails]) => id === 'none' || mails.length > 1)
    .map(([id]) => id)
}
