import { expect, it } from 'vitest'
import { wordsOf } from './text.ts'

it('A search is split into its words, each of them once and in their order', () => {
  expect(wordsOf('  the Elder\u00A0the\tElder  of the ')).toEqual(['the', 'Elder', 'of'])
  expect(wordsOf(' ')).toEqual([])
  expect(wordsOf(undefined)).toEqual([])
})
