import { expect, test } from 'vitest'
import { lockLeads } from './support/lead-locks.ts'
import { prepareJourney } from './support/journey.ts'
import { activateEverything, card, done, waitForDone, waitForState } from './support/screen.ts'
import { expectConsistentNumbers } from './support/consistency.ts'

const leads = 200
const journey = prepareJourney({ leads })

test('a refresh while accounts are created shows the same numbers at once, and they go on', async () => {
  const { openBrowser, openTab, api, numbers, pool, picture } = journey()
  // Accounts are created 25 at a time; the third and the sixth batch wait for a row that another transaction has locked.
  const third = await lockLeads(pool, { first: 60, last: 139 })
  const sixth = await lockLeads(pool, { first: 140 })
  const page = await openTab(await openBrowser())
  const sessionId = await activateEverything(page, leads)
  const shown = card(page, sessionId)

  for (const { lock, waitsAt, name } of [
    { lock: third, waitsAt: 50, name: 'third' },
    { lock: sixth, waitsAt: 125, name: 'sixth' },
  ]) {
    await waitForDone(shown, 'Accounts', waitsAt)
    numbers.neverBelow(page, await api.progress(sessionId))
    await page.reload()
    await waitForState(shown, 'live')
    expect(await done(shown, 'Accounts')).toBe(waitsAt)
    await picture(page, name)
    await lock.release()
  }

  const progress = await expectConsistentNumbers(journey(), shown, sessionId)
  expect(progress.accounts.created).toBe(leads)
  expect(progress.mails.sent).toBe(leads)
})
