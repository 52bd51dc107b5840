import { expect, test } from 'vitest'
import { prepareJourney } from './support/journey.ts'
import { card, chooseEverything, patience, review, startedSession, tracker, waitForState } from './support/screen.ts'
import { expectConsistentNumbers } from './support/consistency.ts'

const leads = 40
const journey = prepareJourney({ leads })

test('a start with a delay is undone before any mail, and a later start says when, while both wait in the tracker', async () => {
  const { openBrowser, openTab, api, picture, received } = journey()
  const page = await openTab(await openBrowser())
  await chooseEverything(page, leads)
  const dialog = await review(page, leads)
  await dialog.getByText('More', { exact: true }).click()
  await dialog.getByLabel('Delay before the first mail').selectOption('5 minutes')
  await dialog.getByLabel('Hold after the first N mails').fill('none')
  await dialog.getByText('Type a whole number').waitFor()
  await dialog.getByLabel('Start at').fill('2020-01-01T10:00')
  await dialog.getByText('This time has passed').waitFor()
  await picture(page, 'options')
  await dialog.getByLabel('Hold after the first N mails').fill('')
  await dialog.getByLabel('Start at').fill('')
  await dialog.getByRole('button', { name: `Activate ${leads} leads` }).click()
  const sessionId = await startedSession(page)
  const shown = card(page, sessionId)
  await shown.getByText(/^Mails begin in [45]:\d\d\.$/).waitFor()
  await expect.poll(async () => (await api.progress(sessionId)).accounts.created, patience).toBe(leads)
  await page.reload()
  await shown.getByText(/^Mails begin in 4:\d\d\.$/).waitFor()
  await page
    .getByText('Invited', { exact: true })
    .nth(leads - 1)
    .waitFor()

  const startAt = new Date(Date.now() + 7_200_000).toISOString()
  const selection = { filter: { q: 'Number 0001' } }
  const later = await api.post<{ sessionId: string }>('/crm/activation/sessions', { selection, options: { startAt } })
  await card(page, later.sessionId)
    .getByText(/^Starts .*, in 2 h\.$/)
    .waitFor()
  await picture(page, 'waiting')

  await shown.getByRole('button', { name: 'Undo' }).click()
  await waitForState(shown, 'final')
  expect(await api.progress(sessionId)).toMatchObject({ status: 'cancelled', mails: { sent: 0, cancelled: leads } })
  expect(await received()).toEqual([])

  await page.setViewportSize({ width: 360, height: 740 })
  await page.goto(`${new URL(page.url()).origin}/sessions/${later.sessionId}`)
  await card(page, later.sessionId)
    .getByText(/^Starts /)
    .waitFor()
  await tracker(page).locator(`article[data-session-id="${sessionId}"]`).waitFor()
  expect(await tracker(page).locator(`article[data-session-id="${later.sessionId}"]`).count()).toBe(0)
  await picture(page, 'own-page')
  await card(page, later.sessionId).getByRole('button', { name: 'Cancel' }).click()
  await page.getByRole('button', { name: 'Cancel the session' }).click()
  await waitForState(card(page, later.sessionId), 'final')
})

test('a session that holds after its first mails says what to do, and goes on when a person has looked', async () => {
  const { openBrowser, openTab, api, picture } = journey()
  await api.post('/crm/leads', {
    leads: Array.from({ length: 30 }, (_, n) => ({ email: `canary${n}@journey.example`, source: 'canary' })),
  })
  const page = await openTab(await openBrowser(), '/leads?source=canary')
  await chooseEverything(page, 30)
  const dialog = await review(page, 30)
  await dialog.getByText('More', { exact: true }).click()
  await dialog.getByLabel('Hold after the first N mails').fill('5')
  await dialog.getByRole('button', { name: 'Activate 30 leads' }).click()
  const sessionId = await startedSession(page)
  const shown = card(page, sessionId)
  await shown.getByText('The first mails were sent. Look at them, then press Resume to send the rest.').waitFor()
  await picture(page, 'held')
  await tracker(page).getByRole('button', { name: 'Minimise progress' }).click()
  await picture(page, 'held-minimised')
  await shown.getByRole('button', { name: 'Resume' }).click()
  await waitForState(shown, 'final')
  await tracker(page).getByRole('button', { name: 'Show progress' }).click()
  await expectConsistentNumbersOf(sessionId)

  async function expectConsistentNumbersOf(id: string): Promise<void> {
    const progress = await expectConsistentNumbers(journey(), shown, id)
    expect(progress.mails.sent).toBe(30)
  }
})
