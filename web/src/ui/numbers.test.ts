import { expect, test } from 'vitest'
import { countOf, formatBytes, formatRate, formatSeconds } from './numbers.ts'

test('Lengths of time are said in the unit that fits', () => {
  expect([0, 9, 89, 90, 3599, 7500, 7200].map(formatSeconds)).toEqual([
    '0 s',
    '9 s',
    '89 s',
    '2 min',
    '60 min',
    '2 h 5 min',
    '2 h',
  ])
})

test('Counts carry their noun', () => {
  expect(countOf(1, 'lead')).toBe('1 lead')
  expect(countOf(1234, 'lead')).toBe('1,234 leads')
})

test('Rates below ten have one decimal, sizes their unit', () => {
  expect([4.25, 1234.5].map(formatRate)).toEqual(['4.3', '1,235'])
  expect([10, 262_144, 5_242_880].map(formatBytes)).toEqual(['10 B', '256 KiB', '5.0 MiB'])
})
