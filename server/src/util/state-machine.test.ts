import { expect, it } from 'vitest'
import { createStateMachine, type Transitions } from './state-machine.ts'

type Mode = 'closed' | 'open' | 'locked'
const transitions: Transitions<Mode> = { closed: ['open', 'locked'], open: ['closed'], locked: [] }
const createDoor = () => createStateMachine('door', transitions, 'closed')

it('A state machine begins in the initial mode and enters every mode that its table allows', () => {
  const door = createDoor()
  expect(door.mode).toBe('closed')
  door.transitionTo('open')
  expect(door.mode).toBe('open')
  door.transitionTo('closed')
  door.transitionTo('locked')
  expect(door.mode).toBe('locked')
  expect(door.is('open', 'locked')).toBe(true)
  expect(door.is('open', 'closed')).toBe(false)
})

it('A state machine refuses every transition that is not in its table, names it, and stays in its mode', () => {
  const door = createDoor()
  door.transitionTo('open')
  for (const mode of ['open', 'locked'] as const)
    expect(() => door.transitionTo(mode)).toThrow(`The door cannot change from open to ${mode}.`)
  expect(door.mode).toBe('open')
})

it('A state machine does not leave a mode that no mode follows', () => {
  const door = createDoor()
  door.transitionTo('locked')
  for (const mode of ['closed', 'open', 'locked'] as const) expect(() => door.transitionTo(mode)).toThrow('from locked')
})
