import { expect, test } from 'vitest'
import { linksIn } from './links.ts'

test('Every link of a text is found once, without the full stop after it', () => {
  const text =
    'Open http://localhost:3000/activate/a-B_1.\nOr <https://x.test/y?z=1>, again http://localhost:3000/activate/a-B_1'
  expect(linksIn(text)).toEqual(['http://localhost:3000/activate/a-B_1', 'https://x.test/y?z=1'])
  expect(linksIn('none: ftp://x')).toEqual([])
})
