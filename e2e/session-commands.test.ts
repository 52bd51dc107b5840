import { expect, test } from 'vitest'
import { prepareJourney } from './support/journey.ts'
import { activateEverything, card, done, patience, waitForDone, waitForState } from './support/screen.ts'
import { expectConsistentNumbers } from './support/consistency.ts'

const leads = 300
const journey = prepareJourney({ leads })

test('a session is paused, resumed and cancelled from the tracker, and what was sent stays sent', async () => {
  const { openBrowser, openTab, api, pool, mailDelay, numbers, picture } = journey()
  mailDelay.milliseconds = 200
  const page = await openTab(await openBrowser())
  const sessionId = await activateEverything(page, leads)
  const shown = card(page, sessionId)
  await waitForDone(shown, 'Mails', 10)

  await shown.getByRole('button', { name: 'Pause' }).click()
  await shown.getByText('Paused', { exact: true }).waitFor()
  const inFlight = async () => {
    const { rows } = await pool.query<{ count: number }>(
      "SELECT (SELECT count(*) FROM items WHERE session_id = $1 AND mail_state = 'sending')::int + (SELECT count(*) FROM chunks WHERE session_id = $1 AND owner IS NOT NULL)::int AS count",
      [sessionId],
    )
    return rows[0]?.count
  }
  await expect.poll(inFlight, patience).toBe(0)
  const paused = await api.progress(sessionId)
  await waitForDone(shown, 'Mails', paused.mails.sent)
  numbers.neverBelow(page, paused)
  await page.reload()
  await waitForState(shown, 'live')
  await shown.getByText('Paused', { exact: true }).waitFor()
  expect(await done(shown, 'Mails')).toBe(paused.mails.sent)
  expect((await api.progress(sessionId)).version).toBe(paused.version)
  await picture(page, 'paused')

  await shown.getByRole('button', { name: 'Resume' }).click()
  await shown.getByText('Running', { exact: true }).waitFor()
  await waitForDone(shown, 'Mails', paused.mails.sent + 10)

  await shown.getByRole('button', { name: 'Cancel' }).click()
  await shown.getByRole('group', { name: 'Cancel this session?' }).waitFor()
  await picture(page, 'cancel')
  await shown.getByRole('button', { name: 'Keep it going' }).click()
  await shown.getByRole('button', { name: 'Cancel' }).and(page.locator(':focus')).waitFor()
  await waitForDone(shown, 'Mails', ((await done(shown, 'Mails')) ?? 0) + 1)
  await shown.getByRole('button', { name: 'Cancel' }).click()
  await shown.getByRole('button', { name: 'Cancel the session' }).click()
  await shown.getByText('Cancelled', { exact: true }).waitFor()

  await expect.poll(inFlight, patience).toBe(0)
  await expect.poll(async () => (await api.progress(sessionId)).mails.pending, patience).toBe(0)
  const progress = await expectConsistentNumbers(journey(), shown, sessionId)
  expect(progress.status).toBe('cancelled')
  expect(progress.mails.sent + progress.mails.cancelled).toBe(leads)
  expect(progress.mails.sent).toBeLessThan(leads)
  expect((await journey().received()).length).toBe(progress.mails.sent)
  await picture(page, 'cancelled')
})
