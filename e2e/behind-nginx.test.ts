import { expect, test } from 'vitest'
import type { Locator } from 'playwright-core'
import { prepareJourney } from './support/journey.ts'
import { type RollcallNodes, startNodes } from './support/nodes.ts'
import type { RollcallServer } from './support/server.ts'
import { activateEverything, card, patience, state, version, waitForDone, waitForState } from './support/screen.ts'
import { expectConsistentNumbers } from './support/consistency.ts'

const leads = 1200
/** Every tab must show again what is stored within so many milliseconds. */
const rightWithin = 5000
let nodes: RollcallNodes
const journey = prepareJourney({ leads, start: async (options) => (nodes = await startNodes(options)) })

test('tabs on several nodes are right again within 5 s when a node is killed under them, and show nobody a number that went back', async () => {
  const { openBrowser, openTab, mailDelay, provokes, picture } = journey()
  provokes(/WebSocket connection to .* failed/, /the server responded with a status of 503/)
  mailDelay.milliseconds = 300
  const browser = await openBrowser()
  const starting = await openTab(browser)
  const sessionId = await activateEverything(starting, leads)
  const addresses = [`/sessions/${sessionId}`, '/sessions', '/leads']
  const others = await Promise.all(addresses.map((address) => openTab(browser, address)))
  const pages = [starting, ...others]
  const cards = pages.map((page) => card(page, sessionId))
  for (const shown of cards) {
    await waitForState(shown, 'live')
    await waitForDone(shown, 'Mails', 10)
  }

  for (const [index, api] of nodes.apis.entries()) {
    const rightAfter = await killUnder(cards, api, sessionId)
    process.stdout.write(
      `api-${index + 1} killed: ${cards.length} tabs right again after ${Math.round(rightAfter)} ms\n`,
    )
    expect(rightAfter).toBeLessThan(rightWithin)
    await api.restart()
  }
  await picture(starting, 'after-two-kills')

  mailDelay.milliseconds = 0
  for (const shown of cards) {
    const progress = await expectConsistentNumbers(journey(), shown, sessionId)
    expect(progress.mails).toMatchObject({ sent: leads, unconfirmed: 0 })
  }
}, 240_000)

/** Kills a node; resolves to the milliseconds until every tab is live and shows a change from after that. */
async function killUnder(cards: Locator[], node: RollcallServer, sessionId: string): Promise<number> {
  const killed = performance.now()
  await node.kill()
  const { rows } = await journey().pool.query<{ version: number }>('SELECT version FROM sessions WHERE id = $1', [
    sessionId,
  ])
  const atDeath = Number(rows[0]?.version)
  const isRight = async (shown: Locator) => (await state(shown)) === 'live' && (await version(shown)) > atDeath
  await expect.poll(async () => (await Promise.all(cards.map(isRight))).every(Boolean), patience).toBe(true)
  return performance.now() - killed
}
