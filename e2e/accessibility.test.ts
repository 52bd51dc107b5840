import { AxeBuilder } from '@axe-core/playwright'
import type { Locator, Page } from 'playwright-core'
import { expect, test } from 'vitest'
import type { List, MailboxMessage, Progress } from '@rollcall/shared'
import { prepareJourney, sandboxedMail } from './support/journey.ts'
import { lockLeads } from './support/lead-locks.ts'
import { madeUpLeads } from './support/api.ts'
import { card, chooseEverything, review, waitForDone } from './support/screen.ts'

const leads = 120
const journey = prepareJourney({ mail: 'mailbox' })

test('no page has a serious accessibility barrier while a session runs, in the light colours', async () => {
  await expectNoBarriers('light')
})

test('no page has a serious accessibility barrier while a session runs, in the dark colours', async () => {
  await expectNoBarriers('dark')
})

/** Visits every page while a session runs, and expects that none has a serious barrier. */
async function expectNoBarriers(colorScheme: 'light' | 'dark'): Promise<void> {
  const { openBrowser, api, server, provokes } = journey()
  provokes(/401 \(Unauthorized\)/, /(404|422) .*\/activation\/inspect/, sandboxedMail)
  const { sessionId, link } = await runningSession(colorScheme)
  const { items } = await api.get<List<{ id: string }>>('/crm/leads?limit=1')
  const look = { colorScheme, reducedMotion: 'reduce' } as const
  const page = await (await openBrowser(undefined, look)).newPage()
  const anybody = await (await openBrowser(null, look)).newPage()
  const sees = async (where: Page, name: string, there: Locator) => {
    await there.first().waitFor()
    await expectNoBarrier(where, name)
    await journey().picture(where, `${name.replaceAll(' ', '-')}-${colorScheme}`)
  }

  await anybody.goto(`${server.url}/sign-in`)
  await sees(anybody, 'sign-in', anybody.getByRole('button', { name: 'Sign in' }))
  await anybody.goto(link)
  await sees(anybody, 'activation link', anybody.getByRole('button', { name: 'Activate my account' }))
  await anybody.goto(`${link}x`)
  await sees(anybody, 'wrong link', anybody.getByRole('heading', { name: 'This link is not right' }))

  await page.goto(`${server.url}/leads?source=${colorScheme}`)
  await waitForDone(card(page, sessionId), 'Mails', 50)
  await chooseEverything(page, leads)
  await sees(page, 'leads', page.locator('tr[data-lead-id]'))
  await review(page, leads)
  await sees(page, 'review', page.getByText('For example'))
  await page.getByRole('button', { name: 'Not now' }).click()
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Import CSV' }).click()
  await sees(page, 'import', page.getByText('Choose a CSV file'))
  const buffer = Buffer.from('Alpha;Beta\nAda;ada@tables.example\nNobody;none\n')
  await page.getByLabel('CSV file').setInputFiles({ name: 'a.csv', mimeType: 'text/csv', buffer })
  await sees(page, 'import columns', page.getByText('Which column is what'))
  await page.goto(`${server.url}/leads?q=nobody-has-this`)
  await sees(page, 'no lead matches', page.getByText('No lead matches'))
  await page.goto(`${server.url}/leads/${items[0]?.id}`)
  await sees(page, 'a lead', page.getByRole('heading', { name: 'The account' }))
  await page.goto(`${server.url}/sessions`)
  await sees(page, 'sessions', page.locator('tr[data-session-id]'))
  await page.goto(`${server.url}/sessions/${sessionId}`)
  await sees(page, 'session', page.locator('tr[data-lead-id]'))
  await page.goto(`${server.url}/mailbox`)
  await page.getByRole('list', { name: 'Mails' }).getByRole('button').first().click()
  await page.getByText('Links in this mail').waitFor()
  await journey().picture(page, `mailbox-${colorScheme}`)
  // The mail itself is another document, in which no script may run, so nobody can look into it.
  await page.locator('iframe').evaluate((frame) => frame.remove())
  await sees(page, 'mail', page.getByText('Links in this mail'))
  await page.goto(`${server.url}/nowhere`)
  await sees(page, 'unknown address', page.locator('main'))
  await page.setViewportSize({ width: 360, height: 740 })
  await page.goto(`${server.url}/sessions/${sessionId}`)
  await sees(page, 'session narrow', page.locator('tr[data-lead-id]'))
  await page.goto(`${server.url}/leads`)
  await sees(page, 'leads narrow', page.locator('tr[data-lead-id]'))
  expect(await page.locator('html').evaluate((html) => html.scrollWidth)).toBeLessThanOrEqual(360)
}

/** Starts a session over new leads that waits for locked ones after 50 of its mails were sent; resolves to its id and the link of one mail. */
async function runningSession(source: string): Promise<{ sessionId: string; link: string }> {
  const { api, pool } = journey()
  const { total } = await api.get<List<unknown>>('/crm/leads')
  await api.post('/crm/leads', { leads: madeUpLeads(leads, total + 1, source) })
  await lockLeads(pool, { first: total + 60 })
  const selection = { filter: { source } }
  const { sessionId } = await api.post<Progress>('/crm/activation/sessions', { selection })
  await expect.poll(async () => (await api.progress(sessionId)).mails.sent, { timeout: 20_000 }).toBe(50)
  const messages = await api.get<List<MailboxMessage>>('/mailbox/messages?limit=1')
  const { text } = await api.get<{ text: string }>(`/mailbox/messages/${messages.items[0]?.id}`)
  return { sessionId, link: /http:\S+\/activate\/\S+/.exec(text)?.[0] ?? '' }
}

async function expectNoBarrier(page: Page, name: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze()
  const serious = violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${name}: ${id}: ${String(target)}: ${failureSummary}`),
    )
  expect(serious).toEqual([])
}
