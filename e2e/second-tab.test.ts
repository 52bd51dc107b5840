import { expect, test } from 'vitest'
import { prepareJourney } from './support/journey.ts'
import { lockLeads } from './support/lead-locks.ts'
import { createStaff } from './support/api.ts'
import { activateEverything, card, done, tracker, version, waitForDone, waitForState } from './support/screen.ts'
import { expectConsistentNumbers } from './support/consistency.ts'

const leads = 150
const journey = prepareJourney({ leads })

test('tabs that were open before the start show the session by themselves, to every admin, and stay in step', async () => {
  const { openBrowser, openTab, api, numbers, pool } = journey()
  const lock = await lockLeads(pool, { first: 60 })
  const mine = await openBrowser()
  const starting = await openTab(mine)
  const second = await openTab(mine, '/sessions')
  const colleague = await openTab(await openBrowser(await createStaff(api, 'admin', 'Ada')), '/leads')
  for (const page of [second, colleague]) await page.getByRole('heading', { level: 1 }).waitFor()
  expect(await tracker(colleague).count()).toBe(0)

  const sessionId = await activateEverything(starting, leads)
  const pages = [starting, second, colleague]
  const cards = pages.map((page) => card(page, sessionId))
  for (const shown of cards) {
    await waitForState(shown, 'live')
    await waitForDone(shown, 'Accounts', 50)
    await waitForDone(shown, 'Mails', 50)
  }
  const held = await api.progress(sessionId)
  for (const shown of cards) expect(await version(shown)).toBe(held.version)

  numbers.neverBelow(second, held)
  await second.reload()
  await waitForState(card(second, sessionId), 'live')
  for (const shown of cards) {
    expect(await version(shown)).toBe(held.version)
    expect([await done(shown, 'Accounts'), await done(shown, 'Mails')]).toEqual([50, 50])
  }

  await lock.release()
  for (const shown of cards) await expectConsistentNumbers(journey(), shown, sessionId)
})
