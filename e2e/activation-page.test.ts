import { expect, test } from 'vitest'
import { prepareJourney, sandboxedMail } from './support/journey.ts'
import { activateEverything, card, patience, waitForState } from './support/screen.ts'
import { expectConsistentNumbers } from './support/consistency.ts'

const leads = 3
const journey = prepareJourney({ leads, mail: 'mailbox' })
const password = 'a long sentence of my own'

test('the invited person opens the link from the mail, sets a password once, and has an account that signs in nowhere else', async () => {
  const { openBrowser, openTab, api, server, provokes, picture } = journey()
  provokes(sandboxedMail)
  const admin = await openTab(await openBrowser())
  const sessionId = await activateEverything(admin, leads)
  await expectConsistentNumbers(journey(), card(admin, sessionId), sessionId)

  await admin.getByRole('link', { name: 'Mailbox' }).click()
  await admin.getByRole('list', { name: 'Mails' }).getByRole('button', { name: 'person0002@journey.example' }).click()
  const mail = admin.getByRole('article', { name: 'Mail' })
  const link = (await mail.getByRole('listitem').getByRole('link').first().getAttribute('href')) ?? ''
  expect(link).toMatch(new RegExp(`^${server.url}/activate/[^/]{20,}$`))
  await picture(admin, 'mailbox')
  const button = mail.frameLocator('iframe').getByRole('link', { name: 'Choose a password' })
  await expect.poll(() => button.count(), patience).toBe(1)

  // The scanners of mail providers open every link, and the link must work afterwards as before.
  for (const method of ['GET', 'HEAD']) expect((await fetch(link, { method })).status).toBe(200)
  const lead = async () => {
    const { items } = await api.get<{ items: { status: string }[] }>('/crm/leads?q=person0002')
    return items[0]?.status
  }
  const person = await openBrowser(null)
  const page = await person.newPage()
  for (let visit = 1; visit <= 2; visit++) {
    await page.goto(link)
    await page.getByRole('heading', { name: 'Welcome, Person' }).waitFor()
    await page.getByText('person0002@journey.example').waitFor()
    expect(await lead()).toBe('invited')
  }

  const submit = page.getByRole('button', { name: 'Activate my account' })
  await page.getByLabel('Password', { exact: true }).fill('short')
  expect(await submit.isEnabled()).toBe(false)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await picture(page, 'password')
  await submit.click()
  await page.getByRole('heading', { name: 'Your account is ready' }).waitFor()
  await picture(page, 'ready')
  expect(await lead()).toBe('active')

  provokes(/(404|409|422) .*\/activation\/inspect/, /401 .*\/sign-in\/email/)
  await page.goto(link)
  await page.getByRole('heading', { name: 'This link was used already' }).waitFor()
  await picture(page, 'used')
  await page.goto(link.slice(0, -3))
  await page.getByRole('heading', { name: 'This link is not right' }).waitFor()
  await picture(page, 'wrong')

  await page.goto(`${server.url}/sign-in`)
  await page.getByLabel('E-mail').fill('person0002@journey.example')
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('alert').waitFor()
  expect(new URL(page.url()).pathname).toBe('/sign-in')
  expect(await person.cookies()).toEqual([])
})

test('activating the same people again mails nobody a second time, and says why', async () => {
  const { openBrowser, openTab, api } = journey()
  const admin = await openTab(await openBrowser())
  const sessionId = await activateEverything(admin, leads)
  await waitForState(card(admin, sessionId), 'final')
  const progress = await api.progress(sessionId)
  expect(progress.accounts.existing).toBe(leads)
  expect(progress.mails.skipped).toBe(leads)
  expect((await journey().received()).length).toBe(leads)
})
