import { beforeAll, describe, expect, it } from 'vitest'
import { recounted, until } from '../app/activation.ts'
import { prepareWebApp } from '../process/rollcall.ts'
import { copiesIn, mailConnections, type NodeName, type Nodes, startNodes } from './nodes.ts'
import type { Tab } from './tab.ts'

const leads = 2000
const tabCount = 12
/** Every tab must show again what is stored within so many milliseconds. */
const rightWithin = 5000

beforeAll(async () => {
  await prepareWebApp()
}, 180_000)

/** Kills a node; returns the milliseconds until every tab was sent a change from after that. */
async function killUnderTabs(nodes: Nodes, name: NodeName, tabs: Tab[], sessionId: string): Promise<number> {
  const { child, exited } = nodes.node(name)
  const killed = performance.now()
  child.kill('SIGKILL')
  await exited
  const version = await nodes.version(sessionId)
  const versions = () => tabs.map(({ progress }) => progress?.version ?? 0)
  await until(
    async () => versions(),
    (all) => Math.min(...all) > version,
  )
  return performance.now() - killed
}

describe('a node that is killed under open tabs', () => {
  it('every tab shows what is stored within 5 s after any node was killed, its numbers never go back, and nobody is mailed twice', async () => {
    const nodes = await startNodes()
    // Eight mails are sent at once, each in 300 ms, so that the session still runs while nodes are killed and started again.
    nodes.smtp.script = (command) => (command === 'DOT' ? { delay: 300 } : undefined)
    const sessionId = await nodes.startSession(leads)
    const tabs = nodes.openTabs(tabCount, sessionId)
    await until(
      async () => tabs.map(({ progress }) => progress?.mails.sent ?? 0),
      (all) => Math.min(...all) > 10,
    )
    for (const name of ['api-1', 'worker-1', 'api-2'] as const) {
      const rightAfter = await killUnderTabs(nodes, name, tabs, sessionId)
      process.stdout.write(`${name} killed: ${tabCount} tabs right again after ${Math.round(rightAfter)} ms\n`)
      expect(rightAfter).toBeLessThan(rightWithin)
      await nodes.restart(name)
    }
    // All tabs were on one of the two, so each lost its connection at least once.
    for (const tab of tabs) expect(tab.connections).toBeGreaterThanOrEqual(2)
    nodes.smtp.script = () => undefined
    const ends = await until(
      async () => tabs.map(({ progress }) => progress),
      (all) => all.every((progress) => progress?.completed),
      60_000,
    )
    for (const tab of tabs) expect(tab.violations).toEqual([])
    for (const end of ends) expect(end).toEqual(ends[0])
    const { total, accounts, mails } = ends[0]!
    expect(await recounted(nodes.test, sessionId)).toEqual({ total, accounts, mails })
    expect(accounts.created).toBe(leads)
    expect(mails.sent + mails.unconfirmed).toBe(leads)
    expect(mails.unconfirmed).toBeLessThanOrEqual(mailConnections)
    expect(copiesIn(nodes.smtp)).toEqual([])
    expect(nodes.errors()).toEqual([])
    await nodes.stop()
  }, 300_000)
})
