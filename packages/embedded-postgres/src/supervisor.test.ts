import { expect, it } from 'vitest'
import { assertTransition, type SupervisorMode } from './supervisor.ts'

const modes: SupervisorMode[] = ['running', 'recovering', 'stopping', 'stopped']

function allowedFrom(from: SupervisorMode): SupervisorMode[] {
  return modes.filter((to) => {
    try {
      assertTransition(from, to)
      return true
    } catch {
      return false
    }
  })
}

it('lets a running PostgreSQL be recovered or stopped', () => {
  expect(allowedFrom('running')).toEqual(['recovering', 'stopping'])
})

it('lets a PostgreSQL in recovery run again, or be stopped where it does not come back', () => {
  expect(allowedFrom('recovering')).toEqual(['running', 'stopping'])
})

it('lets a PostgreSQL that is being stopped only end', () => {
  expect(allowedFrom('stopping')).toEqual(['stopped'])
})

it('lets a PostgreSQL that has ended become nothing else', () => {
  expect(allowedFrom('stopped')).toEqual([])
  expect(() => assertTransition('stopped', 'running')).toThrow('A PostgreSQL that is stopped cannot become running.')
})
