import { expect, test } from 'vitest'
import type { Page } from 'playwright-core'
import { prepareJourney } from './support/journey.ts'
import { activateEverything, card, done, patience, tracker, waitForDone } from './support/screen.ts'
import { expectConsistentNumbers } from './support/consistency.ts'

const leads = 600
const journey = prepareJourney({ leads })

test('the tracker stays on every page of the app, and its numbers only grow', async () => {
  const { openBrowser, openTab, api, mailDelay, numbers, picture } = journey()
  mailDelay.milliseconds = 250
  const page = await openTab(await openBrowser())
  const sessionId = await activateEverything(page, leads)
  const shown = card(page, sessionId)
  await waitForDone(shown, 'Mails', 1)

  for (const [name, go] of ways(sessionId)) {
    const before = (await done(shown, 'Mails')) ?? 0
    await go(page)
    await shown.waitFor()
    expect(await done(shown, 'Mails')).toBeGreaterThanOrEqual(before)
    await waitForDone(shown, 'Mails', before + 1)
    await picture(page, name.replaceAll(' ', '-'))
  }
  await page.setViewportSize({ width: 360, height: 740 })
  await tracker(page).getByRole('button', { name: 'Show progress' }).waitFor()
  await waitForDone(shown, 'Mails', ((await done(shown, 'Mails')) ?? 0) + 1)
  await picture(page, 'narrow-minimised')
  await tracker(page).getByRole('button', { name: 'Show progress' }).click()
  await tracker(page).getByRole('button', { name: 'Minimise progress' }).waitFor()
  await picture(page, 'narrow')
  expect((await api.progress(sessionId)).status).toBe('running')
  const places = new Set(numbers.samples(page).map((sample) => sample.kind))
  expect(places).toEqual(new Set(['tracker', 'page', 'row']))

  mailDelay.milliseconds = 0
  await expectConsistentNumbers(journey(), shown, sessionId)
})

/** Lists the steps by which a person goes through every page; each step resolves when its page is shown. */
function ways(sessionId: string): [string, (page: Page) => Promise<unknown>][] {
  const heading = (page: Page, name: string | RegExp) => page.getByRole('heading', { level: 1, name }).waitFor()
  return [
    [
      'a lead',
      async (page) => {
        await page.getByRole('link', { name: 'Person Number 0600' }).click()
        await heading(page, 'Person Number 0600')
      },
    ],
    ['back', (page) => page.goBack().then(() => heading(page, 'Leads'))],
    [
      'sessions',
      async (page) => {
        await page.getByRole('link', { name: 'Sessions' }).click()
        await heading(page, 'Sessions')
        await page.locator(`tr[data-session-id="${sessionId}"]`).waitFor()
      },
    ],
    [
      'the session',
      async (page) => {
        await page.locator(`tr[data-session-id="${sessionId}"]`).getByRole('link').click()
        const large = page.getByRole('region', { name: 'Progress of this session' })
        await large.getByRole('progressbar', { name: 'Mails' }).waitFor()
        await expect.poll(() => large.locator('article').getAttribute('data-freshness'), patience).toBe('live')
      },
    ],
    ['the sessions again', (page) => page.goBack().then(() => heading(page, 'Sessions'))],
    ['forward', (page) => page.goForward().then(() => heading(page, 'Session'))],
    ['an unknown address', (page) => page.goto(`${new URL(page.url()).origin}/nowhere`)],
    ['leads', (page) => page.getByRole('link', { name: 'Leads', exact: true }).click()],
  ]
}
