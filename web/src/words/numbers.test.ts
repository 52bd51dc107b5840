import { expect, test } from 'vitest'
import { bytes, counts, duration, pager } from './en/quantities.ts'
import { formatClock, formatRate } from './numbers.ts'

test('Lengths of time are said in the unit that fits', () => {
  expect([0, 9, 89, 90, 3599, 7500, 7200].map(duration)).toEqual([
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
  expect(counts.lead(1)).toBe('1 lead')
  expect(counts.lead(1234)).toBe('1,234 leads')
})

test('Rates below ten have one decimal, sizes their unit', () => {
  expect([4.25, 1234.5].map(formatRate)).toEqual(['4.3', '1,235'])
  expect([10, 262_144, 5_242_880].map(bytes)).toEqual(['10 B', '256 KiB', '5.0 MiB'])
})

test('A countdown is minutes and seconds', () => {
  expect(formatClock(9)).toBe('0:09')
  expect(formatClock(900)).toBe('15:00')
  expect(formatClock(-1)).toBe('0:00')
})

test('A list that is shown whole is just counted, and a part of it says which', () => {
  const range = (what: 'lead' | 'session', first: number, shown: number, total: number, isEstimate = false) =>
    pager.range(what, { first, shown, total, isEstimate })
  expect(range('session', 1, 0, 0)).toBe('No sessions')
  expect(range('session', 1, 1, 1)).toBe('1 session')
  expect(range('lead', 1, 12, 12)).toBe('12 leads')
  expect(range('lead', 101, 100, 2285)).toBe('101–200 of 2,285 leads')
  expect(range('lead', 1, 100, 470_000, true)).toBe('1–100 of about 470,000 leads')
})
