export interface Alarm {
  /** Makes sure that it goes off at this time or earlier. It has one time only: whoever has a later one sets it again. */
  set(time: number): void
  /** It does not go off any more, whoever sets it. */
  stop(): void
}

/** Calls `goOff` at the earliest of the times that it was set to since it went off last; times are those of the clock, in milliseconds. */
export function createAlarm(clock: () => number, goOff: () => void): Alarm {
  let setTo = Infinity
  let callOff = () => {}
  let stopped = false
  return {
    set(time) {
      if (stopped || time >= setTo) return
      callOff()
      setTo = time
      callOff = callIn(time - clock(), () => {
        setTo = Infinity
        goOff()
      })
    },
    stop() {
      stopped = true
      callOff()
    },
  }
}

/** Where there is nothing to wait for, not by a timer: it takes a millisecond at least. Gives what calls it off. */
function callIn(milliseconds: number, call: () => void): () => void {
  if (milliseconds > 0) {
    const timer = setTimeout(call, milliseconds)
    return () => clearTimeout(timer)
  }
  const immediate = setImmediate(call)
  return () => clearImmediate(immediate)
}
