import { expect, test } from 'vitest'
import { mailConnections, prepareJourney } from './support/journey.ts'
import { activateEverything, card, done, freshness, waitForDone, waitForState } from './support/screen.ts'
import { expectConsistentNumbers } from './support/consistency.ts'

const leads = 300
const journey = prepareJourney({ leads, database: 'embedded' })

test('a server that is killed under an open tab comes back, and the session ends with every lead accounted for', async () => {
  const { openBrowser, openTab, server, numbers, mailDelay, provokes, picture } = journey()
  provokes(/ERR_CONNECTION_REFUSED/, /ERR_CONNECTION_RESET/, /ERR_EMPTY_RESPONSE/, /WebSocket connection to .* failed/)
  mailDelay.milliseconds = 100
  const page = await openTab(await openBrowser())
  const sessionId = await activateEverything(page, leads)
  const shown = card(page, sessionId)
  await waitForDone(shown, 'Mails', 20)

  await server.kill()
  await waitForState(shown, 'stale')
  await freshness(shown).filter({ hasText: 'Reconnecting' }).waitFor()
  const whenKilled = (await done(shown, 'Mails')) ?? 0
  expect(whenKilled).toBeGreaterThanOrEqual(20)
  await picture(page, 'reconnecting')

  mailDelay.milliseconds = 400
  await server.restart()
  await waitForState(shown, 'live')
  await freshness(shown).filter({ hasText: 'Live' }).waitFor()
  await waitForDone(shown, 'Mails', whenKilled + 1)
  await picture(page, 'live-again')

  mailDelay.milliseconds = 0
  const progress = await expectConsistentNumbers(journey(), shown, sessionId)
  expect(progress.status).toBe('completed')
  expect(progress.accounts.created).toBe(leads)
  expect(progress.mails.sent + progress.mails.unconfirmed).toBe(leads)
  expect(progress.mails.unconfirmed).toBeLessThanOrEqual(mailConnections)
  expect(numbers.samples(page).length).toBeGreaterThan(10)
})
