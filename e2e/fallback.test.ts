import { expect, test } from 'vitest'
import { prepareJourney } from './support/journey.ts'
import { activateEverything, card, done, freshness, waitForDone, waitForState } from './support/screen.ts'
import { expectConsistentNumbers } from './support/consistency.ts'

const leads = 900
const journey = prepareJourney({ leads, proxy: true })

test('where a WebSocket cannot be had the numbers come as server-sent events, then by polling, and the screen says so', async () => {
  const { openBrowser, openTab, mailDelay, provokes, picture } = journey()
  const proxy = journey().proxy!
  provokes(/WebSocket connection to .* failed/, /ERR_INCOMPLETE_CHUNKED_ENCODING/)
  mailDelay.milliseconds = 200
  const context = await openBrowser()
  const page = await openTab(context)
  const sessionId = await activateEverything(page, leads)
  const shown = card(page, sessionId)
  const goesOnBy = async (words: string) => {
    await freshness(shown).filter({ hasText: words }).waitFor()
    await waitForState(shown, 'live')
    const before = (await done(shown, 'Mails')) ?? 0
    await waitForDone(shown, 'Mails', before + 5)
    expect(await freshness(shown).innerText()).toContain(words)
    await picture(page, words)
  }
  await goesOnBy('Live')

  proxy.allowWebSockets(false)
  await goesOnBy('Server-sent events')

  proxy.allowStreams(false)
  await page.reload()
  await goesOnBy('Polling')

  // The browser says that the network is back: everything is tried again at once.
  proxy.allowStreams(true)
  proxy.allowWebSockets(true)
  await context.setOffline(true)
  await context.setOffline(false)
  await goesOnBy('Live')

  mailDelay.milliseconds = 0
  await expectConsistentNumbers(journey(), shown, sessionId)
})
