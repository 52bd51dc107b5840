import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openProfile } from './support/browser.ts'
import { prepareJourney } from './support/journey.ts'
import { signInBrowser } from './support/api.ts'
import { activateEverything, card, patience, waitForDone, waitForState } from './support/screen.ts'
import { expectConsistentNumbers } from './support/consistency.ts'

const leads = 400
const journey = prepareJourney({ leads })

test('a browser that was closed and opened again finds the session further on, without a zero in between', async () => {
  const { openTab, watchOver, server, api, numbers, mailDelay } = journey()
  mailDelay.milliseconds = 200
  const folder = await mkdtemp(path.join(os.tmpdir(), 'rollcall-e2e-profile-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))

  const before = await openProfile(folder)
  await watchOver(before)
  await signInBrowser(before, server.url)
  const page = await openTab(before)
  const sessionId = await activateEverything(page, leads)
  await waitForDone(card(page, sessionId), 'Mails', 10)
  await before.close()

  const whenClosed = await api.progress(sessionId)
  await expect
    .poll(async () => (await api.progress(sessionId)).mails.sent, patience)
    .toBeGreaterThan(whenClosed.mails.sent + 20)
  const further = await api.progress(sessionId)
  expect(further.status).toBe('running')

  const after = await openProfile(folder)
  onTestFinished(() => after.close())
  await watchOver(after)
  const reopened = await after.newPage()
  numbers.neverBelow(reopened, further)
  await reopened.goto(`${server.url}/leads`)
  const shown = card(reopened, sessionId)
  await waitForState(shown, 'live')
  await waitForDone(shown, 'Mails', further.total - further.mails.pending + 1)

  mailDelay.milliseconds = 0
  const progress = await expectConsistentNumbers(journey(), shown, sessionId)
  expect(progress.mails.sent).toBe(leads)
})
