import path from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import type { Progress } from '@rollcall/shared'

interface Bar {
  /** The counts as the screen writes them, such as "12 of 50". */
  words: string
  percent: number | null
}

/** What one element of one screen showed of a session at one moment. */
export interface Sample {
  kind: 'tracker' | 'page' | 'row'
  /** The number of the document among those that were loaded into the tab. */
  document: number
  sessionId: string
  version: number | null
  state: 'unknown' | 'stale' | 'live' | 'final' | null
  accounts: Bar | null
  mails: Bar | null
}

interface Done {
  version: number
  accounts: number
  mails: number
}

/** Reads the numbers on every screen of a journey, and notes whatever must never be shown. */
export interface Numbers {
  readonly violations: string[]
  samples: (page: Page) => Sample[]
  watch: (context: BrowserContext) => Promise<void>
  /** Accepts from now on that mails of this session become pending again, because a person retries them. */
  retries: (sessionId: string) => void
  /**
   * Expects that after its next load this page shows no zero, and nothing below these numbers once it is live or final. Before
   * that it may show older numbers.
   */
  neverBelow: (page: Page, progress: Progress) => void
}

export function watchNumbers(): Numbers {
  const violations: string[] = []
  const samples = new Map<Page, Sample[]>()
  const highest = new Map<string, Done>()
  const floors = new Map<string, { progress: Progress; setIn: number | null }>()
  const byVersion = new Map<string, string>()
  const tabs = new Map<Page, number>()
  const retried = new Set<string>()

  const keyOf = (page: Page, sessionId: string) => {
    if (!tabs.has(page)) tabs.set(page, tabs.size + 1)
    return `${tabs.get(page)} ${sessionId}`
  }

  function take(page: Page, sample: Sample): void {
    samples.set(page, [...(samples.get(page) ?? []), sample])
    const key = keyOf(page, sample.sessionId)
    const problem = problemOf(sample) ?? withEarlier(key, sample) ?? withFloor(key, sample) ?? withVersion(sample)
    if (problem !== null) violations.push(`tab ${key}: ${problem}: ${JSON.stringify(sample)}`)
  }

  /** Tells whether a tab shows less than it did before, on whichever of its pages; null where it does not. */
  function withEarlier(key: string, sample: Sample): string | null {
    const now = doneOf(sample)
    if (now === null) return null
    const before = highest.get(key) ?? { version: 0, accounts: 0, mails: 0 }
    const version = sample.version ?? before.version
    highest.set(key, {
      version: Math.max(version, before.version),
      accounts: Math.max(now.accounts, before.accounts),
      mails: Math.max(now.mails, before.mails),
    })
    if (version < before.version) return `went back from version ${before.version}`
    if (now.accounts < before.accounts) return `went back from ${before.accounts} accounts`
    if (now.mails < before.mails && !retried.has(sample.sessionId)) return `went back from ${before.mails} mails`
    return null
  }

  function withFloor(key: string, sample: Sample): string | null {
    const { progress: floor, setIn } = floors.get(key) ?? { progress: null, setIn: null }
    const now = doneOf(sample)
    if (floor === null || now === null || sample.document === setIn) return null
    const [accounts, mails] = [floor.total - floor.accounts.pending, floor.total - floor.mails.pending]
    if (accounts > 0 && now.accounts === 0) return 'a zero while there were accounts'
    if (mails > 0 && now.mails === 0) return 'a zero while there were mails'
    const knowsTruth = sample.state === 'live' || sample.state === 'final'
    if (knowsTruth && (now.accounts < accounts || now.mails < mails)) return `less than ${accounts} and ${mails}`
    return null
  }

  /** Tells whether another screen showed other numbers for the same version; null where none did. */
  function withVersion(sample: Sample): string | null {
    if (sample.version === null) return null
    const key = `${sample.sessionId} ${sample.version}`
    const numbers = `${sample.accounts?.words}, ${sample.mails?.words}`
    const known = byVersion.get(key) ?? numbers
    byVersion.set(key, known)
    return known === numbers ? null : `another screen showed ${known}`
  }

  return {
    violations,
    samples: (page) => samples.get(page) ?? [],
    async watch(context) {
      await context.exposeBinding('rollcallShows', ({ page }, sample: Sample) => take(page, sample))
      await context.addInitScript({ path: path.join(import.meta.dirname, 'watch-numbers.js') })
    },
    retries: (sessionId) => void retried.add(sessionId),
    neverBelow(page, progress) {
      const setIn = samples.get(page)?.at(-1)?.document ?? null
      floors.set(keyOf(page, progress.sessionId), { progress, setIn })
    },
  }
}

/** Tells what is wrong with a sample without regard to others; null where nothing is. */
function problemOf(sample: Sample): string | null {
  if (sample.kind === 'row') return null
  const { accounts, mails, state, version } = sample
  if (state === 'unknown') return accounts || mails || version !== null ? 'numbers of which nothing is known' : null
  if (accounts === null || mails === null || version === null) return 'no numbers'
  for (const bar of [accounts, mails]) {
    const { done, total } = countsOf(bar.words)
    const percent = state === 'final' ? 100 : Math.min(99, Math.floor((done / total) * 100))
    if (bar.percent !== percent) return `${bar.percent} % for ${bar.words}`
  }
  return null
}

function doneOf(sample: Sample): Omit<Done, 'version'> | null {
  if (sample.accounts === null || sample.mails === null) return null
  return { accounts: countsOf(sample.accounts.words).done, mails: countsOf(sample.mails.words).done }
}

/** Reads "1,234 of 2,285" as numbers. Throws where the words are others. */
export function countsOf(words: string): { done: number; total: number } {
  const [done, total] = words.split(' of ').map((word) => Number(word.replaceAll(',', '')))
  if (done === undefined || total === undefined || Number.isNaN(done + total)) throw new Error(`No counts: ${words}`)
  return { done, total }
}
