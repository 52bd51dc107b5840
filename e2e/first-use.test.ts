import path from 'node:path'
import { expect, test } from 'vitest'
import type { List } from '@rollcall/shared'
import { prepareJourney } from './support/journey.ts'
import { card, chooseEverything, done, review, spelledCounts, startedSession, version } from './support/screen.ts'
import { superadmin } from './support/server.ts'
import { expectConsistentNumbers } from './support/consistency.ts'

const file = path.join(import.meta.dirname, '../server/test/fixtures/leads-sample.csv')
const journey = prepareJourney({ mail: 'mailbox', database: 'embedded' })

test('a newcomer signs in, imports a file, activates everybody, and sees the same numbers everywhere', async () => {
  const { openBrowser, server, api, provokes, picture } = journey()
  provokes(/401 \(Unauthorized\) \(.*\/staff\/me\)/, /401 \(Unauthorized\) \(.*\/sign-in\/email\)/)
  const context = await openBrowser(null, { viewport: { width: 1280, height: 900 } })
  const page = await context.newPage()
  const starts: string[] = []
  page.on('request', (request) => {
    if (request.method() === 'POST' && request.url().endsWith('/crm/activation/sessions')) starts.push(request.url())
  })

  await page.goto(server.url)
  await page.getByLabel('E-mail').fill(superadmin.email)
  await page.getByLabel('Password').fill('not the password')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('alert').waitFor()
  await picture(page, 'sign-in-refused')
  await page.getByLabel('Password').fill(superadmin.password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByText('There are no leads yet').waitFor()
  await picture(page, 'no-leads')

  await page.getByRole('button', { name: 'Import CSV' }).click()
  const importing = page.getByRole('dialog', { name: 'Import leads' })
  await importing.getByLabel('CSV file').setInputFiles(file)
  await importing.getByText('→ E-mail').waitFor()
  await picture(page, 'import-columns')
  await importing.getByRole('button', { name: 'Import', exact: true }).click()
  const created = importing.locator('[data-count="created"] dd')
  await created.waitFor()
  const count = Number((await created.innerText()).replaceAll(',', ''))
  expect(count).toBe(2_000)
  await picture(page, 'imported')
  await importing.getByRole('button', { name: 'Show the imported leads' }).click()

  await chooseEverything(page, count)
  const dialog = await review(page, count)
  const words = count.toLocaleString('en')
  expect(await dialog.locator('[data-count="willCreate"]').innerText()).toContain(words)
  await picture(page, 'review')
  await dialog.getByRole('button', { name: `Activate ${words} leads` }).dblclick()
  const sessionId = await startedSession(page)
  await picture(page, 'running')
  const progress = await expectConsistentNumbers(journey(), card(page, sessionId), sessionId)
  expect(progress.total).toBe(count)
  expect(progress.accounts.created).toBe(count)
  expect(progress.mails.sent).toBe(count)
  expect(starts).toHaveLength(1)
  expect((await api.get<List<unknown>>('/crm/activation/sessions')).total).toBe(1)
  await picture(page, 'done')

  await page.getByRole('link', { name: 'Sessions' }).click()
  const row = page.locator(`tr[data-session-id="${sessionId}"]`)
  await row.getByText('Completed').waitFor()
  expect(await row.getByText(`${words} of ${words}`).count()).toBe(2)
  await picture(page, 'history')
  await row.getByRole('link').click()
  const large = page.getByRole('region', { name: 'Progress of this session' }).locator('article')
  await large.waitFor()
  expect(await version(large)).toBe(progress.version)
  expect([await done(large, 'Accounts'), await done(large, 'Mails')]).toEqual([count, count])
  expect(await spelledCounts(large)).toEqual({ accounts: { created: count }, mails: { sent: count } })
  await page.getByText(`of ${words} items`).waitFor()
  await picture(page, 'session')
  await page.getByRole('link', { name: 'Mailbox' }).click()
  await page.getByText(`of ${words} mails`).waitFor()
})
