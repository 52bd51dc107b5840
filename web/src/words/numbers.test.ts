import { expect, test } from 'vitest'
import { countOf, formatBytes, formatClock, formatRate, formatSeconds, rangeWords } from './numbers.ts'

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

test('A countdown is minutes and seconds', () => {
  expect(formatClock(9)).toBe('0:09')
  expect(formatClock(900)).toBe('15:00')
  expect(formatClock(-1)).toBe('0:00')
})

test('A list that is shown whole is just counted, and a part of it says which', () => {
  expect(rangeWords(1, 0, 0, 'session')).toBe('No sessions')
  expect(rangeWords(1, 1, 1, 'session')).toBe('1 session')
  expect(rangeWords(1, 12, 12, 'lead')).toBe('12 leads')
  expect(rangeWords(101, 100, 2285, 'lead')).toBe('101–200 of 2,285 leads')
  expect(rangeWords(1, 100, 470_000, 'lead', true)).toBe('1–100 of about 470,000 leads')
})
