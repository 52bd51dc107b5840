import { afterEach, expect, test } from 'vitest'
import { en } from './en.ts'
import { chooseLanguage, words, type Words } from './index.ts'
import { readersLocale } from './numbers.ts'
import { pluralsOf } from './plurals.ts'

afterEach(() => chooseLanguage(['en']))

test('The first language of the reader that there is gives the words, and English where there is none', async () => {
  const german = { ...en, pages: { ...en.pages, leads: 'Kontakte' } } satisfies Words
  const available = { de: async () => german }
  await chooseLanguage(['fr-FR', 'de-AT', 'en'], available)
  expect(words.pages.leads).toBe('Kontakte')
  await chooseLanguage(['en-GB', 'de'], available)
  expect(words.pages.leads).toBe('Leads')
  await chooseLanguage(['fr'], available)
  expect(words.pages.leads).toBe('Leads')
})

test('Numbers and times are written in the variety of the language that the reader prefers', () => {
  expect(readersLocale('en', ['de-DE', 'en-GB', 'en-US'])).toBe('en-GB')
  expect(readersLocale('en', ['de-DE'])).toBe('en')
})

test('A language has as many forms of a word as it tells apart', () => {
  const english = { one: 'mail', other: 'mails' }
  expect([0, 1, 2].map((count) => pluralsOf('en')(count, english))).toEqual(['mails', 'mail', 'mails'])
  const polish = { one: 'list', few: 'listy', other: 'listów' }
  expect([1, 3, 5].map((count) => pluralsOf('pl')(count, polish))).toEqual(['list', 'listy', 'listów'])
})
