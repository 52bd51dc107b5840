import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launchBrowser } from './support/browser.ts'
import { type Numbers, watchNumbers } from './support/numbers.ts'
import { patience } from './support/screen.ts'

const sessionId = 'activation_1704123456789_a7bc3d2f1'
let browser: Awaited<ReturnType<typeof launchBrowser>>
beforeAll(async () => {
  browser = await launchBrowser()
})
afterAll(() => browser.close())

/** Shows one card after the other on a page; resolves to the violations that a journey would report. */
async function violationsOf(...cards: string[]): Promise<string[]> {
  const numbers = watchNumbers()
  const context = await browser.newContext()
  await numbers.watch(context)
  const page = await context.newPage()
  await show(page, numbers, cards)
  await context.close()
  return numbers.violations
}

async function show(page: Page, numbers: Numbers, cards: string[]): Promise<void> {
  await page.goto('data:text/html,<main></main>')
  for (const [index, html] of cards.entries()) {
    await page.locator('main').evaluate((main, inner) => (main.innerHTML = inner), html)
    await expect.poll(() => numbers.samples(page).length, patience).toBe(index + 1)
  }
}

function shown(version: number, accounts: number, mails: number, state = 'live'): string {
  const bar = (name: string, done: number) =>
    `<div role="progressbar" aria-label="${name}" aria-valuenow="${state === 'final' ? 100 : Math.min(99, done)}" aria-valuetext="${done} of 100"></div>`
  return `<article data-session-id="${sessionId}" data-version="${version}" data-freshness="${state}">${bar('Accounts', accounts)}${bar('Mails', mails)}</article>`
}
const unknown = `<article data-session-id="${sessionId}" data-freshness="unknown"></article>`

test('numbers that grow, and a skeleton before them, are as they should be', async () => {
  expect(
    await violationsOf(unknown, shown(1, 0, 0), shown(2, 50, 0), shown(3, 100, 99), shown(4, 100, 100, 'final')),
  ).toEqual([])
})

test('a journey notices a number that goes back, a version that does, and a version with two sets of numbers', async () => {
  expect(await violationsOf(shown(1, 50, 10), shown(2, 50, 9))).toEqual([
    expect.stringContaining('went back from 10 mails'),
  ])
  expect(await violationsOf(shown(2, 50, 10), shown(1, 50, 10))).toEqual([
    expect.stringContaining('back from version 2'),
  ])
  expect(await violationsOf(shown(1, 50, 10), shown(1, 50, 11))).toEqual([
    expect.stringContaining('another screen showed'),
  ])
})

test('a journey notices a zero for what is not known, and 100 % before the end', async () => {
  expect(await violationsOf(shown(1, 0, 0, 'unknown'))).toEqual([expect.stringContaining('of which nothing is known')])
  const early = shown(1, 100, 100).replaceAll('"99"', '"100"')
  expect(await violationsOf(early)).toEqual([expect.stringContaining('100 % for 100 of 100')])
})
