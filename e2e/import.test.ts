import { expect, test } from 'vitest'
import { prepareJourney } from './support/journey.ts'

const journey = prepareJourney()

test('columns that nobody can guess are assigned in the browser, and the rows arrive where they belong', async () => {
  const { openBrowser, openTab, api, picture } = journey()
  const page = await openTab(await openBrowser())
  await page.getByRole('button', { name: 'Import CSV' }).click()
  const dialog = page.getByRole('dialog', { name: 'Import leads' })
  const text =
    'Alpha;Beta;Gamma\nAda;ada@tables.example;Lovelace\nGrace;grace@tables.example;Hopper\nNobody;not an address;X\n'
  await dialog
    .getByLabel('CSV file')
    .setInputFiles({ name: 'odd-headers.csv', mimeType: 'text/csv', buffer: Buffer.from(text) })
  await dialog.getByText('Choose the one that holds them').waitFor()
  const send = dialog.getByRole('button', { name: 'Import', exact: true })
  expect(await send.isEnabled()).toBe(false)
  await picture(page, 'mapping')
  await dialog.getByLabel('E-mail').selectOption('Beta')
  await dialog.getByLabel('First name').selectOption('Alpha')
  await dialog.getByLabel('Last name').selectOption('Gamma')
  await send.click()
  await dialog.locator('[data-count="created"]').getByText('2', { exact: true }).waitFor()
  await dialog.locator('[data-count="rejected"]').getByText('1', { exact: true }).waitFor()
  await dialog.getByRole('cell', { name: 'not an address' }).waitFor()
  await picture(page, 'rejected')
  await dialog.getByRole('button', { name: 'Show the imported leads' }).click()
  await page.getByRole('link', { name: 'Ada Lovelace' }).waitFor()
  const { items } = await api.get<{ items: { email: string; firstName: string; lastName: string }[] }>(
    '/crm/leads?sort=email',
  )
  expect(items.map((lead) => [lead.email, lead.firstName, lead.lastName])).toEqual([
    ['ada@tables.example', 'Ada', 'Lovelace'],
    ['grace@tables.example', 'Grace', 'Hopper'],
  ])
})

test('a file that is no CSV is refused with a sentence that says what it is and what to do', async () => {
  const { openBrowser, openTab, api, provokes, picture } = journey()
  provokes(/422 .*\/crm\/leads\/import\/preview/)
  const before = await api.get<{ total: number }>('/crm/leads')
  const page = await openTab(await openBrowser())
  await page.getByRole('button', { name: 'Import CSV' }).click()
  const dialog = page.getByRole('dialog', { name: 'Import leads' })
  const workbook = Buffer.concat([Buffer.from([0x50, 0x4b, 0x03, 0x04]), Buffer.from('…[Content_Types].xml…xl/')])
  for (const { name, buffer, words } of [
    { name: 'leads.xlsx', buffer: workbook, words: 'This is an Excel workbook, not a CSV file.' },
    { name: 'leads.csv', buffer: Buffer.from('<!doctype html><p>Sign in'), words: 'This is a web page (HTML)' },
  ]) {
    await dialog.getByLabel('CSV file').setInputFiles({ name, mimeType: 'text/csv', buffer })
    await dialog.getByRole('alert').filter({ hasText: words }).waitFor()
  }
  await picture(page, 'refused')
  expect((await api.get<{ total: number }>('/crm/leads')).total).toBe(before.total)
})
