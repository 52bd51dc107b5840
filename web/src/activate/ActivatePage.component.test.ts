import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { render } from 'vitest-browser-vue'
import { page } from 'vitest/browser'
import ActivatePage from './ActivatePage.vue'

type Answer = { status: number; body: object }
const invitation = { email: 'ana@example.test', firstName: 'Ana', expiresAt: '2026-12-06T17:13:46.000Z' }
const success = (data: object): Answer => ({ status: 200, body: { success: true, data } })
const failure = (status: number, code: string, msg: string): Answer => ({ status, body: { success: false, code, msg } })

let answers: Record<string, Answer> = {}
let accepted: unknown[] = []

beforeEach(() => {
  accepted = []
  vi.stubGlobal('fetch', async (path: string, request: RequestInit) => {
    if (path === '/activation/accept') accepted.push(JSON.parse(request.body as string))
    const answer = answers[path]
    if (answer === undefined) throw new TypeError('failed to fetch')
    return Response.json(answer.body, { status: answer.status })
  })
})
afterEach(() => vi.unstubAllGlobals())

test('A password that is long enough is set once, and the person is told with what to sign in', async () => {
  answers = {
    '/activation/inspect': success(invitation),
    '/activation/accept': success({ email: invitation.email }),
  }
  await render(ActivatePage, { props: { token: 'token-1' } })
  await expect.element(page.getByRole('heading', { name: 'Welcome, Ana' })).toBeVisible()
  const submit = page.getByRole('button', { name: 'Activate my account' })
  await expect.element(page.getByLabelText('Password', { exact: true })).toHaveFocus()
  await page.getByLabelText('Password', { exact: true }).fill('nine char')
  await expect.element(page.getByText('At least 10 characters; 1 to go.')).toBeVisible()
  await expect.element(submit).toBeDisabled()
  await page.getByLabelText('Password', { exact: true }).fill('ten letters')
  await submit.click()
  await expect.element(page.getByText('You can sign in with ana@example.test and your new password.')).toBeVisible()
  expect(accepted).toEqual([{ token: 'token-1', password: 'ten letters' }])
})

test('A password that the server refuses is told at the form, and what was typed stays', async () => {
  answers = {
    '/activation/inspect': success(invitation),
    '/activation/accept': failure(422, 'PASSWORD_NOT_GOOD', 'This password is known to many.'),
  }
  await render(ActivatePage, { props: { token: 'token-1' } })
  await page.getByLabelText('Password', { exact: true }).fill('passwordpassword')
  await page.getByRole('button', { name: 'Activate my account' }).click()
  await expect.element(page.getByRole('alert')).toHaveTextContent('This password is known to many.')
  await expect.element(page.getByLabelText('Password', { exact: true })).toHaveValue('passwordpassword')
})

test('A link that expires while its form is open says so instead of the form', async () => {
  answers = {
    '/activation/inspect': success(invitation),
    '/activation/accept': failure(409, 'TOKEN_EXPIRED', 'This link has expired.'),
  }
  await render(ActivatePage, { props: { token: 'token-1' } })
  await page.getByLabelText('Password', { exact: true }).fill('long enough now')
  await page.getByRole('button', { name: 'Activate my account' }).click()
  await expect.element(page.getByRole('heading', { name: 'This link has expired' })).toBeVisible()
})

test('A server that cannot be reached is asked again by a button, and then the form opens', async () => {
  answers = {}
  await render(ActivatePage, { props: { token: 'token-1' } })
  await expect
    .element(page.getByRole('alert').getByText('Rollcall cannot be reached. Check your connection and try again.'))
    .toBeVisible()
  answers = { '/activation/inspect': success({ ...invitation, firstName: '' }) }
  await page.getByRole('button', { name: 'Try again' }).click()
  await expect.element(page.getByRole('heading', { name: 'Welcome', exact: true })).toBeVisible()
})
