/** A timer with at most one deadline. */
export interface DeadlineTimer {
  /** Sets the deadline, or moves it forward; a time after the present deadline changes nothing. */
  set(time: number): void
  /** Cancels the deadline. Every later call of `set` is ignored. */
  stop(): void
}

/**
 * Calls `onDeadline` once the earliest time has come that was set since its last call. Times are milliseconds of `clock`.
 * A time that has come already is reached in the same turn of the event loop, because a timer takes a millisecond at least
 * (decision 13).
 */
export function createDeadlineTimer(clock: () => number, onDeadline: () => void): DeadlineTimer {
  let deadline = Infinity
  let cancel = () => {}
  let stopped = false
  return {
    set(time) {
      if (stopped || time >= deadline) return
      cancel()
      deadline = time
      cancel = callIn(time - clock(), () => {
        deadline = Infinity
        onDeadline()
      })
    },
    stop() {
      stopped = true
      cancel()
    },
  }
}

/** Calls back after so many milliseconds; returns the function that cancels the call. */
function callIn(milliseconds: number, callback: () => void): () => void {
  if (milliseconds > 0) {
    const timer = setTimeout(callback, milliseconds)
    return () => clearTimeout(timer)
  }
  const immediate = setImmediate(callback)
  return () => clearImmediate(immediate)
}
