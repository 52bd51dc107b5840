import { expect, test } from 'vitest'
import { exampleEnd, exampleProgress } from '../live/example-progress.ts'
import { titleOf } from './title.ts'

test('The title of the tab shows how far running sessions have come', () => {
  expect(titleOf('Leads', [exampleProgress()])).toBe('(24%) Leads · Rollcall')
})

test('Without a running session the title is the name of the page', () => {
  expect(titleOf('Leads', [])).toBe('Leads · Rollcall')
  expect(titleOf('Leads', [exampleEnd()])).toBe('Leads · Rollcall')
})
