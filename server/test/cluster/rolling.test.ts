import { beforeAll, describe, expect, it } from 'vitest'
import type { Progress } from '@rollcall/shared'
import { recounted, until } from '../app/activation.ts'
import { prepareWebApp } from '../process/rollcall.ts'
import { copiesIn, nodeNames, type Nodes, repeatedMessageIds, startNodes } from './nodes.ts'
import { startTraffic, type Traffic } from './traffic.ts'

/** The number of leads; ROLLING_LEADS=20000 makes a run of full size. */
const leads = Number(process.env.ROLLING_LEADS ?? 2000)
/** The session would take this long at its speed while nodes restart, which is longer than the restarts take on any machine. */
const sessionMilliseconds = 120_000
const tabCount = 12

beforeAll(async () => {
  await prepareWebApp()
}, 180_000)

/** Ends one node after the other as an operator does, and goes on to the next when its successor is ready. */
async function restartAll(nodes: Nodes): Promise<void> {
  for (const name of nodeNames) {
    const begun = performance.now()
    const { child, exited } = nodes.node(name)
    child.kill('SIGTERM')
    expect([name, await exited]).toEqual([name, { code: 0, signal: null }])
    const ended = performance.now()
    await nodes.restart(name)
    process.stdout.write(
      `${name}: ended after ${Math.round(ended - begun)} ms, its successor ready ${Math.round(performance.now() - ended)} ms later\n`,
    )
  }
}

describe('a restart of all nodes, one after the other, during a session', () => {
  it('nobody notices a restart of all nodes: no request fails, nothing is sent twice, and the numbers of no tab go back', async () => {
    const nodes = await startNodes()
    const { smtp } = nodes
    const delay = Math.round((sessionMilliseconds * 8) / leads)
    smtp.script = (command) => (command === 'DOT' ? { delay } : undefined)
    const sessionId = await nodes.startSession(leads)
    const tabs = nodes.openTabs(tabCount, sessionId)
    await until(
      async () => tabs.map(({ progress }) => progress?.mails.sent ?? 0),
      (all) => Math.min(...all) > 10,
    )
    const traffic = startTraffic(nodes, sessionId)
    await restartAll(nodes)
    expect(tabs[0]?.progress?.status, 'the session was still running when the last node came back').toBe('running')
    await traffic.stop()
    smtp.script = () => undefined
    const ends = await until(
      async () => tabs.map(({ progress }) => progress),
      (all) => all.every((progress) => progress?.completed),
      120_000,
    )
    await untilAllEnded(nodes)
    await report(nodes, traffic, ends[0]!)

    expect(traffic.complaints).toEqual([])
    for (const tab of tabs) {
      expect(tab.violations).toEqual([])
      expect(tab.connections).toBeGreaterThanOrEqual(2)
      expect(new Set(tab.closeCodes)).toEqual(new Set([1012]))
    }
    for (const end of ends) expect(end).toEqual(ends[0])
    await expectEveryMailOnce(nodes, traffic, ends[0]!)
    expect(nodes.errors()).toEqual([])
    await nodes.stop()
  }, 600_000)
})

/** Waits for the end of all sessions, also of the small ones that clients started. */
function untilAllEnded({ test }: Nodes): Promise<number> {
  return until(
    async () => {
      const { rows } = await test.pool.query<{ open: number }>(
        "SELECT count(*)::int AS open FROM sessions WHERE status <> 'completed'",
      )
      return rows[0]!.open
    },
    (open) => open === 0,
    60_000,
  )
}

async function expectEveryMailOnce(nodes: Nodes, traffic: Traffic, end: Progress): Promise<void> {
  const { sessionId, total, accounts, mails } = end
  expect(await recounted(nodes.test, sessionId)).toEqual({ total, accounts, mails })
  expect(mails).toMatchObject({ sent: leads, failed: 0, unconfirmed: 0, pending: 0 })
  const started = await nodes.test.pool.query<{ id: string }>('SELECT id FROM sessions WHERE id <> $1', [sessionId])
  expect(started.rows.map(({ id }) => id).toSorted()).toEqual(traffic.started.toSorted())
  const stored = await nodes.test.pool.query<{ email: string }>(
    "SELECT email FROM leads WHERE email LIKE '%@traffic.example'",
  )
  expect(stored.rows.map(({ email }) => email).toSorted()).toEqual(traffic.created.toSorted())
  expect(copiesIn(nodes.smtp)).toEqual([])
  expect(repeatedMessageIds(nodes.smtp)).toEqual([])
  expect(nodes.smtp.mails).toHaveLength(leads + traffic.started.length)
}

async function report({ nginx, smtp }: Nodes, { statuses, complaints }: Traffic, end: Progress): Promise<void> {
  const passed = await nginx.passed()
  const elsewhere = passed.filter(({ ports }) => ports.length > 1)
  const answers = [...statuses].toSorted(([a], [b]) => a - b).map(([status, count]) => `${count} × ${status}`)
  const requests = [...statuses.values()].reduce((sum, count) => sum + count, 0)
  process.stdout.write(
    [
      `${requests} requests: ${answers.join(', ')}; ${complaints.length} that should not have been`,
      `nginx passed ${passed.length} requests on, ${elsewhere.length} of them to a second node`,
      `${smtp.mails.length} mails arrived, ${end.mails.sent} of ${end.total} in the large session; ${copiesIn(smtp).length} addresses mailed twice`,
      '',
    ].join('\n'),
  )
}
