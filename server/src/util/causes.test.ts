import { expect, it } from 'vitest'
import { causesOf } from './causes.ts'

it('The causes of an error are the error itself and all its causes, the outermost first', () => {
  const root = new Error('root')
  const middle = new TypeError('middle', { cause: root })
  const outer = new Error('outer', { cause: middle })
  expect([...causesOf(outer)]).toEqual([outer, middle, root])
})

it('The causes of an error end where a cause is not an error', () => {
  const error = new Error('outer', { cause: 'a text' })
  expect([...causesOf(error)]).toEqual([error])
  expect([...causesOf('a text')]).toEqual([])
})
