import { expect, test } from 'vitest'
import { prepareJourney } from './support/journey.ts'
import { activateEverything, card, done, waitForDone, waitForState } from './support/screen.ts'
import { expectConsistentNumbers } from './support/consistency.ts'

const leads = 600
const journey = prepareJourney({ leads })

test('ten refreshes while mails are sent: no number goes back, none is zero, and the sending goes on', async () => {
  const { openBrowser, openTab, api, numbers, mailDelay, picture } = journey()
  mailDelay.milliseconds = 250
  const page = await openTab(await openBrowser())
  const sessionId = await activateEverything(page, leads)
  const shown = card(page, sessionId)
  await waitForDone(shown, 'Accounts', leads)
  await waitForDone(shown, 'Mails', 1)

  for (let refresh = 1; refresh <= 10; refresh++) {
    const before = await api.progress(sessionId)
    expect(before.status).toBe('running')
    numbers.neverBelow(page, before)
    await page.reload()
    await shown.waitFor()
    expect(await done(shown, 'Accounts')).toBe(leads)
    expect(await done(shown, 'Mails')).toBeGreaterThan(0)
    await waitForState(shown, 'live')
    await waitForDone(shown, 'Mails', before.total - before.mails.pending + 1)
  }
  await picture(page, 'after-ten')

  mailDelay.milliseconds = 0
  const progress = await expectConsistentNumbers(journey(), shown, sessionId)
  expect(progress.mails.sent).toBe(leads)
})
