import { en } from './en.ts'
import { formatFor } from './numbers.ts'

/** The shape of every language: `satisfies Words` makes another one complete. */
export type Words = typeof en

/** What there are pages of. */
export type Listed = Parameters<Words['pager']['range']>[0]

/** The sentences of the screens in the language that was chosen. */
export let words: Words = en

/** The languages beside English, each loaded when it is chosen. */
const languages: Record<string, () => Promise<Words>> = {}

/**
 * Chooses the first language of `preferred` (such as "en-GB", "de") that there is; English where there is none. To be
 * awaited before the app is mounted, because what is drawn already stays as it is.
 */
export async function chooseLanguage(preferred: readonly string[], available = languages): Promise<void> {
  const language = preferred.map(languageOf).find((each) => each === 'en' || each in available) ?? 'en'
  words = (await available[language]?.()) ?? en
  formatFor(language)
}

function languageOf(locale: string): string {
  return locale.split('-')[0] ?? locale
}
