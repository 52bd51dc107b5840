import { expect, test } from 'vitest'
import { safeNext } from './next.ts'

test('After the sign-in somebody is where they wanted to be', () => {
  expect(safeNext('/sessions/x?mail=failed')).toBe('/sessions/x?mail=failed')
})

test('A link cannot lead out of the app, nor round and round', () => {
  for (const bad of [
    '//evil.test',
    '/\\evil.test',
    'https://evil.test',
    'javascript:1',
    undefined,
    ['/a'],
    '/sign-in?next=/sign-in',
  ]) {
    expect(safeNext(bad)).toBe('/leads')
  }
})
