import { expect, test } from 'vitest'
import { prepareJourney } from './support/journey.ts'
import { card, waitForState } from './support/screen.ts'

const leads = 30
const journey = prepareJourney({ leads })

test('failed mails are retried by reason, and unconfirmed ones are marked as sent, from the page of the session', async () => {
  const { openBrowser, openTab, api, smtp, numbers, picture } = journey()
  smtp.script = (moment, { to, line }) => {
    const address = `${to.join()} ${line}`
    if (moment === 'RCPT' && /person000[1-4]@/.test(address)) return '550 5.1.1 No such user here'
    if (moment === 'RCPT' && /person000[56]@/.test(address)) return '550 5.7.1 We do not like you'
    return moment === 'DOT' && /person000[789]@/.test(address) ? { drop: 'rst' } : undefined
  }
  const { sessionId } = await api.post<{ sessionId: string }>('/crm/activation/sessions', { selection: { filter: {} } })
  const page = await openTab(await openBrowser(), `/sessions/${sessionId}`)
  const shown = card(page, sessionId)
  await waitForState(shown, 'final')
  const before = await api.progress(sessionId)
  expect(before.mails).toMatchObject({ sent: leads - 9, failed: 6, unconfirmed: 3 })

  await page.getByRole('button', { name: 'By reason' }).click()
  const reasons = page.getByRole('list', { name: 'Failed mails by reason' })
  await reasons.getByText('The mail server does not know this address.').waitFor()
  expect(await reasons.getByRole('listitem').allInnerTexts()).toEqual([
    expect.stringMatching(/^4 The mail server does not know this address\./),
    expect.stringMatching(/^2 The mail server refused this mail\./),
  ])
  await picture(page, 'reasons')
  smtp.script = () => undefined
  numbers.retries(sessionId)
  await reasons.getByRole('button', { name: /^Retry 2 mails/ }).click()
  await page.getByText('2 failed mails made pending again.').waitFor()
  await waitForState(shown, 'final')
  await shown.getByText('4 failed').waitFor()

  await page.getByRole('button', { name: 'Mark 3 as sent' }).click()
  await page.getByText('3 unconfirmed mails marked as sent.').waitFor()
  await page.getByText('A person marked it as sent.').first().waitFor()
  expect(await api.progress(sessionId)).toMatchObject({
    status: 'completed',
    mails: { sent: leads - 4, failed: 4, unconfirmed: 0 },
  })
  await picture(page, 'marked-as-sent')
})
