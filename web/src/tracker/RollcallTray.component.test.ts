import type { Progress } from '@rollcall/shared'
import { beforeEach, expect, test, vi } from 'vitest'
import { render } from 'vitest-browser-vue'
import { page } from 'vitest/browser'
import { defineComponent, h } from 'vue'
import { exampleEnd, exampleProgress } from '../live/example-progress.ts'
import { FakeNetwork } from '../live/fake-network.ts'
import { createTracker, RollcallTray, SessionProgress, type TrackerOptions } from './index.ts'

const { sessionId } = exampleProgress()
const network = new FakeNetwork()

/** A foreign app with a tracker that knows these sessions, and the tray on its page. */
async function openApp(sessions: Progress[], options: TrackerOptions = {}) {
  const runCommand = vi.fn<() => Promise<Progress>>(async () => exampleProgress({ version: 50, status: 'paused' }))
  const tracker = createTracker({
    environment: network.environment,
    storage: null,
    api: {
      listSessions: async () => sessions,
      readProgress: async () => null,
      readOptions: async () => ({}),
      runCommand,
      isSignedIn: async () => true,
    },
    ...options,
  })
  for (const progress of sessions) tracker.apply(progress)
  const app = defineComponent(() => () => [h('main', h(SessionProgress, { sessionId: 'unknown' })), h(RollcallTray)])
  const screen = await render(app, { global: { plugins: [tracker] } })
  return { screen, tracker, runCommand }
}

beforeEach(async () => {
  localStorage.clear()
  await page.viewport(1280, 800)
})

test('A session of which nothing is known is a skeleton without a number', async () => {
  const { screen } = await openApp([])
  const card = screen.container.querySelector('article[data-session-id="unknown"]')!
  expect(card.getAttribute('data-freshness')).toBe('unknown')
  expect(card.querySelectorAll('.rc-skeleton').length).toBeGreaterThan(0)
  expect(card.querySelectorAll('[role="progressbar"]')).toHaveLength(0)
  expect(card.textContent).not.toMatch(/\d/)
})

test('Without a session to show there is no tray', async () => {
  const { screen } = await openApp([])
  await expect.element(screen.getByRole('region', { name: 'Activation progress' })).not.toBeInTheDocument()
})

test('The tray shows the numbers of a session as bars, in words and as a percent', async () => {
  const { screen } = await openApp([exampleProgress()])
  const accounts = screen.getByRole('progressbar', { name: 'Accounts' })
  await expect.element(accounts).toHaveAttribute('aria-valuetext', '31 of 50')
  await expect.element(screen.getByRole('progressbar', { name: 'Mails' })).toHaveAttribute('aria-valuenow', '24')
  await expect.element(screen.getByRole('heading', { name: '1 session in progress · 24%' })).toBeVisible()
  await expect.element(screen.getByText('10 sent')).toBeVisible()
})

test('A frame is drawn, and 100 % only when the session is finished', async () => {
  const { screen, tracker } = await openApp([exampleProgress()])
  const { accounts, mails } = exampleEnd()
  tracker.apply(exampleProgress({ version: 60, accounts, mails }))
  await expect.element(screen.getByRole('progressbar', { name: 'Mails' })).toHaveAttribute('aria-valuenow', '99')
  tracker.apply(exampleEnd({ finishedAt: new Date().toISOString() }))
  await expect.element(screen.getByRole('progressbar', { name: 'Mails' })).toHaveAttribute('aria-valuenow', '100')
  await expect.element(screen.getByText('Final numbers')).toBeVisible()
})

test('On a narrow screen the tray begins small, and opens on demand', async () => {
  await page.viewport(390, 800)
  const { screen } = await openApp([exampleProgress()])
  await expect.element(screen.getByText('10 sent')).not.toBeInTheDocument()
  await screen.getByRole('button', { name: 'Show progress' }).click()
  await expect.element(screen.getByText('10 sent')).toBeVisible()
})

test('Who may not command sessions sees no buttons for it', async () => {
  const { screen } = await openApp([exampleProgress()], { canSteer: () => false })
  await expect.element(screen.getByText('1 session in progress · 24%')).toBeVisible()
  await expect.element(screen.getByRole('button', { name: 'Pause' })).not.toBeInTheDocument()
})

test('A cancel is asked once, with the number of mails that will not be sent', async () => {
  const { screen, runCommand } = await openApp([exampleProgress()])
  await screen.getByRole('button', { name: 'Cancel' }).click()
  await expect.element(screen.getByText(/38 mails will not be sent/)).toBeVisible()
  expect(runCommand).not.toHaveBeenCalled()
  await screen.getByRole('button', { name: 'Keep it going' }).click()
  await screen.getByRole('button', { name: 'Pause' }).click()
  expect(runCommand).toHaveBeenCalledExactlyOnceWith(sessionId, 'pause')
  await expect.element(screen.getByText('Paused')).toBeVisible()
})

test('A command that fails is told by the app around the tracker, or by the card where the app tells nothing', async () => {
  const { screen, runCommand } = await openApp([exampleProgress()])
  runCommand.mockRejectedValue(new Error('The session is over.'))
  await screen.getByRole('button', { name: 'Pause' }).click()
  await expect.element(screen.getByRole('alert')).toHaveTextContent('The session was not paused. The session is over.')
})

test('A session is a link where sessions have pages, and the app around it can open that without a load', async () => {
  const navigate = vi.fn<(href: string) => void>()
  const { screen } = await openApp([exampleProgress()], { sessionHref: (id) => `/activations/${id}`, navigate })
  const link = screen.getByRole('link', { name: /^50 leads/ })
  await expect.element(link).toHaveAttribute('href', `/activations/${sessionId}`)
  await link.click()
  expect(navigate).toHaveBeenCalledExactlyOnceWith(`/activations/${sessionId}`)
})
