import { expect, it } from 'vitest'
import { wordsOf } from './text.ts'

it('asks for each word of a search once, in the order in which they are said', () => {
  expect(wordsOf('  the Elder\u00A0the\tElder  of the ')).toEqual(['the', 'Elder', 'of'])
  expect(wordsOf(' ')).toEqual([])
  expect(wordsOf(undefined)).toEqual([])
})
