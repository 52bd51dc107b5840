import { expect, test } from 'vitest'
import { newer } from './newer.ts'

test('Anything is newer than nothing', () => {
  expect(newer(null, { version: 1 })).toBe(true)
  expect(newer(undefined, { version: 1 })).toBe(true)
})

test('Only a higher version is newer: the same one carries the same numbers', () => {
  expect(newer({ version: 4 }, { version: 5 })).toBe(true)
  expect(newer({ version: 5 }, { version: 5 })).toBe(false)
  expect(newer({ version: 5 }, { version: 4 })).toBe(false)
})
