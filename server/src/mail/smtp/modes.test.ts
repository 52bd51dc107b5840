import { describe, expect, it } from 'vitest'
import { createStateMachine } from '../../util/state-machine.ts'
import { connectionTransitions, type ConnectionMode } from './connection-modes.ts'
import { senderTransitions } from './sender-modes.ts'

const modes = Object.keys(connectionTransitions) as ConnectionMode[]

/** All modes that can follow a mode, directly or after others that are not in `without`. */
function reachable(from: ConnectionMode, without: ConnectionMode[] = []): Set<ConnectionMode> {
  const found = new Set<ConnectionMode>()
  const todo = [...connectionTransitions[from]]
  for (let mode = todo.pop(); mode !== undefined; mode = todo.pop()) {
    if (found.has(mode) || without.includes(mode)) continue
    found.add(mode)
    todo.push(...connectionTransitions[mode])
  }
  return found
}

describe('the modes of a connection', () => {
  it('a connection sends the content of a mail only right after its gate', () => {
    expect(modes.filter((mode) => connectionTransitions[mode].includes('content'))).toEqual(['gate'])
    expect(reachable('content', ['gate'])).not.toContain('content')
  })

  it('a connection asks a gate only right after the envelope of its mail', () => {
    expect(modes.filter((mode) => connectionTransitions[mode].includes('gate'))).toEqual(['envelope'])
  })

  it('a connection begins no other mail before it has reset a mail that was not sent', () => {
    expect(reachable('unclean', ['resetting'])).toEqual(new Set(['quitting', 'closed']))
  })

  it('a connection can be closed in every mode, and does nothing more afterwards', () => {
    for (const mode of modes.filter((each) => each !== 'closed'))
      expect(connectionTransitions[mode]).toContain('closed')
    expect(reachable('closed')).toEqual(new Set())
    expect(reachable('quitting')).toEqual(new Set(['closed']))
  })

  it('every mode of a connection can be reached from the first', () => {
    expect(reachable('connecting')).toEqual(new Set(modes.filter((mode) => mode !== 'connecting')))
  })

  it('a transition that the table of a connection does not allow is an error', () => {
    const machine = createStateMachine('connection', connectionTransitions, 'connecting')
    machine.transitionTo('ready')
    expect(() => machine.transitionTo('content')).toThrow('The connection cannot change from ready to content.')
  })
})

describe('the modes of a sender', () => {
  it('a sender goes from open over draining to closed, and never back', () => {
    expect(senderTransitions).toEqual({ open: ['draining'], draining: ['closed'], closed: [] })
  })
})
