/** For each mode the modes that may follow it; a mode that none may follow is the last. */
export type Transitions<Mode extends string> = Readonly<Record<Mode, readonly Mode[]>>

/** Keeps the one mode that something is in. */
export interface StateMachine<Mode extends string> {
  readonly mode: Mode
  /** True in any of these modes. */
  is(...modes: Mode[]): boolean
  /** Enters another mode. Throws where the table of transitions does not allow it: then the code is wrong, not its input. */
  transitionTo(mode: Mode): void
}

/**
 * Keeps the mode of something whose behaviour depends on what happened to it before, and asserts that each change of
 * mode is one of those that were written down. A mode may follow itself only where the table says so.
 * `name` says in the error whose mode it is.
 */
export function createStateMachine<Mode extends string>(
  name: string,
  transitions: Transitions<Mode>,
  initial: NoInfer<Mode>,
): StateMachine<Mode> {
  let current: Mode = initial
  return {
    get mode() {
      return current
    },
    is: (...modes) => modes.includes(current),
    transitionTo(mode) {
      if (!transitions[current].includes(mode)) throw new Error(`The ${name} cannot change from ${current} to ${mode}.`)
      current = mode
    },
  }
}
