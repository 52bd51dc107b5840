import { expect, test } from 'vitest'
import { prepareJourney } from './support/journey.ts'
import { createStaff } from './support/api.ts'
import { activateEverything, card, patience, tracker, waitForDone, waitForState } from './support/screen.ts'
import { expectConsistentNumbers } from './support/consistency.ts'

const leads = 300
const journey = prepareJourney({ leads })

test('support staff see the live numbers and everything that was stored, and nothing to press', async () => {
  const { openBrowser, openTab, api, mailDelay, picture } = journey()
  mailDelay.milliseconds = 200
  const admin = await openTab(await openBrowser())
  const sessionId = await activateEverything(admin, leads)
  const page = await openTab(await openBrowser(await createStaff(api, 'support', 'Sue')))
  const shown = card(page, sessionId)
  await waitForState(shown, 'live')
  await waitForDone(shown, 'Mails', 10)

  const nothingToPress = async () => {
    for (const name of [/^Activate/, 'Import CSV', 'Pause', 'Resume', 'Cancel', /^Retry/])
      expect(await page.getByRole('button', { name }).count()).toBe(0)
  }
  await page.getByRole('link', { name: 'Person Number 0300' }).waitFor()
  await nothingToPress()
  await picture(page, 'support-leads')
  await page.getByRole('link', { name: 'Sessions' }).click()
  await page.locator(`tr[data-session-id="${sessionId}"]`).getByRole('link').click()
  await page.getByText('What happened').waitFor()
  await nothingToPress()
  await picture(page, 'support-session')

  mailDelay.milliseconds = 0
  await expectConsistentNumbers(journey(), shown, sessionId)
})

test('signing out in one tab ends the live connection of the others and leads all of them to the sign-in page', async () => {
  const { openBrowser, openTab, provokes, picture } = journey()
  provokes(/401 \(Unauthorized\)/)
  const context = await openBrowser()
  const staying = await context.newPage()
  const closed = new Promise<void>((resolve) => {
    staying.on('websocket', (socket) => socket.on('close', () => resolve()))
  })
  await staying.goto(`${journey().server.url}/sessions`)
  await staying.getByRole('heading', { name: 'Sessions' }).waitFor()
  const leaving = await openTab(context)
  await leaving.getByRole('button', { name: 'Sign out' }).click()
  await leaving.getByRole('button', { name: 'Sign in' }).waitFor()

  await closed
  await staying.getByRole('button', { name: 'Sign in' }).waitFor()
  await picture(staying, 'signed-out')
  expect(new URL(staying.url()).searchParams.get('next')).toBe('/sessions')
  expect(await tracker(staying).count()).toBe(0)
  const kept = () => staying.evaluate(() => localStorage.getItem('rollcall.progress'))
  await expect.poll(kept, patience).toBeNull()
})
