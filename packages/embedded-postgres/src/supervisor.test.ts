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

it('A running PostgreSQL may be recovered or stopped', () => {
  expect(allowedFrom('running')).toEqual(['recovering', 'stopping'])
})

it('A PostgreSQL in recovery may run again, or be stopped where it does not come back', () => {
  expect(allowedFrom('recovering')).toEqual(['running', 'stopping'])
})

it('A PostgreSQL that is being stopped may only end', () => {
  expect(allowedFrom('stopping')).toEqual(['stopped'])
})

it('A PostgreSQL that has ended may enter no other mode', () => {
  expect(allowedFrom('stopped')).toEqual([])
  expect(() => assertTransition('stopped', 'running')).toThrow('A PostgreSQL that is stopped cannot become running.')
})
