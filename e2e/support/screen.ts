import { expect } from 'vitest'
import type { Locator, Page } from 'playwright-core'
import { countsOf } from './numbers.ts'

export const patience = { timeout: 30_000, interval: 50 }

export function tracker(page: Page): Locator {
  return page.getByRole('region', { name: 'Activation progress' })
}

/** Locates the card of a session: in the tracker, or on the session's own page, where the tracker leaves it out. */
export function card(page: Page, sessionId: string): Locator {
  return page.locator(`article[data-session-id="${sessionId}"]`)
}

export function freshness(shown: Locator): Locator {
  return shown.getByTestId('freshness')
}

/** Reads from one of the two bars how many accounts or mails have their outcome; null where there is no bar. */
export async function done(shown: Locator, bar: 'Accounts' | 'Mails'): Promise<number | null> {
  const all = await shown.getByRole('progressbar', { name: bar }).all()
  const words = await all[0]?.getAttribute('aria-valuetext', { timeout: 10_000 })
  return words ? countsOf(words).done : null
}

export function state(shown: Locator): Promise<string | null> {
  return shown.getAttribute('data-freshness')
}

export async function version(shown: Locator): Promise<number> {
  return Number(await shown.getAttribute('data-version'))
}

export async function waitForState(shown: Locator, wanted: 'live' | 'stale' | 'final'): Promise<void> {
  await shown.and(shown.page().locator(`[data-freshness="${wanted}"]`)).waitFor({ timeout: patience.timeout })
}

/** Waits until a bar shows at least so many. */
export async function waitForDone(shown: Locator, bar: 'Accounts' | 'Mails', atLeast: number): Promise<void> {
  await expect.poll(() => done(shown, bar), patience).toBeGreaterThanOrEqual(atLeast)
}

/** Selects all leads that the list of leads has, on all its pages. */
export async function chooseEverything(page: Page, count: number): Promise<void> {
  await page.getByRole('checkbox', { name: 'Select page' }).check()
  if (count > 100) {
    const everything = `Select all ${count.toLocaleString('en')} that match the filter`
    await page.getByRole('button', { name: everything }).click()
  }
  await page.getByRole('button', { name: activateLabel(count), exact: true }).waitFor()
}

export function activateLabel(count: number): string {
  return `Activate (${count.toLocaleString('en')})`
}

/** Opens the review of the chosen leads; resolves to the dialog once it shows the count. */
export async function review(page: Page, count: number): Promise<Locator> {
  await page.getByRole('button', { name: activateLabel(count), exact: true }).click()
  const dialog = page.getByRole('dialog', { name: 'Review the activation' })
  await dialog.locator('[data-count="willCreate"]').waitFor()
  return dialog
}

/** Starts a session of all leads from the list of leads, as an admin does; resolves to the session's id. */
export async function activateEverything(page: Page, count: number): Promise<string> {
  await chooseEverything(page, count)
  const dialog = await review(page, count)
  await dialog.getByRole('button', { name: /^Activate [\d,]+ leads?$/ }).click()
  return startedSession(page)
}

/** Waits until the tracker shows a session; resolves to the id of the newest one. */
export async function startedSession(page: Page): Promise<string> {
  const newest = tracker(page).locator('article[data-session-id]').first()
  await newest.waitFor()
  return (await newest.getAttribute('data-session-id')) ?? ''
}

/** Reads the counts that a card or the page of a session spells out; counts that are zero are not shown. */
export async function spelledCounts(shown: Locator): Promise<Record<'accounts' | 'mails', Record<string, number>>> {
  const lists = await shown.locator('ul:has(> [data-count])').all()
  const read = async (list: Locator | undefined) => {
    const counts: Record<string, number> = {}
    for (const part of (await list?.locator('[data-count]').all()) ?? []) {
      const name = (await part.getAttribute('data-count')) ?? ''
      counts[name] = Number((await part.innerText()).replaceAll(/[^\d]/g, ''))
    }
    return counts
  }
  return { accounts: await read(lists[0]), mails: await read(lists[1]) }
}
