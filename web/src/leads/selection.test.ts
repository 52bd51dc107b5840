import { expect, test } from 'vitest'
import {
  choose,
  countChosen,
  everything,
  idsAtMost,
  isChosen,
  isTooLong,
  nothing,
  shareChosen,
  toSelection,
} from './selection.ts'

test('Ticked rows are a selection of ids, across pages', () => {
  const chosen = choose(choose(choose(nothing, ['a', 'b'], true), ['c'], true), ['a'], false)
  expect(countChosen(chosen)).toBe(2)
  expect(toSelection(chosen)).toEqual({ ids: ['b', 'c'] })
  expect(isChosen(chosen, 'a')).toBe(false)
})

test('Ticking a row twice counts it once', () => {
  expect(countChosen(choose(choose(nothing, ['a'], true), ['a'], true))).toBe(1)
})

test('Everything that matches is a selection by filter; rows unticked after it are exceptions', () => {
  const all = everything({ status: 'new' }, 1234)
  expect(countChosen(all)).toBe(1234)
  expect(toSelection(all)).toEqual({ filter: { status: 'new' } })
  const most = choose(all, ['a', 'b'], false)
  expect(countChosen(most)).toBe(1232)
  expect(toSelection(most)).toEqual({ filter: { status: 'new' }, except: ['a', 'b'] })
  expect(isChosen(most, 'a')).toBe(false)
  expect(isChosen(most, 'z')).toBe(true)
})

test('Ticking an exception again takes it back', () => {
  const again = choose(choose(everything({}, 3), ['a'], false), ['a'], true)
  expect(toSelection(again)).toEqual({ filter: {} })
})

test('A page is chosen wholly, partly or not at all', () => {
  const chosen = choose(nothing, ['a', 'b'], true)
  expect(shareChosen(chosen, ['a', 'b'])).toBe('all')
  expect(shareChosen(chosen, ['b', 'c'])).toBe('some')
  expect(shareChosen(chosen, ['c'])).toBe('none')
  expect(shareChosen(everything({}, 5), ['x'])).toBe('all')
  expect(shareChosen(nothing, [])).toBe('none')
})

test('More single rows than the contract takes are noticed before they are sent', () => {
  const ids = Array.from({ length: idsAtMost }, (_, index) => String(index))
  expect(isTooLong(choose(nothing, ids, true))).toBe(false)
  expect(isTooLong(choose(nothing, [...ids, 'one more'], true))).toBe(true)
})

test('What is chosen never changes under somebody who holds it', () => {
  const before = choose(nothing, ['a'], true)
  choose(before, ['b'], true)
  expect(countChosen(before)).toBe(1)
})
