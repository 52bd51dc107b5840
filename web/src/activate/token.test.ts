import { expect, test } from 'vitest'
import { tokenOf } from './token.ts'

test('The token of a link is the second part of its path, decoded', () => {
  expect(tokenOf('/activate/a-B_1')).toBe('a-B_1')
  expect(tokenOf('/activate/a%2Db/')).toBe('a-b')
})

test('A path without a token gives an empty one, and a broken percent sign is left as it is', () => {
  expect(tokenOf('/activate/')).toBe('')
  expect(tokenOf('/activate/50%')).toBe('50%')
})
