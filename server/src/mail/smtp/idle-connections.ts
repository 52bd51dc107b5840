/** What nobody needs for a moment; each is let go, by `leave`, when nobody has needed it for so many milliseconds. */
export function createIdle<Kept>(milliseconds: number, leave: (kept: Kept) => void) {
  /** The one that waits longest first. */
  const idle: { kept: Kept; since: number }[] = []
  let timer: NodeJS.Timeout | null = null

  /** One timer for all: most wait for an instant only. */
  function watch(): void {
    if (timer !== null || idle[0] === undefined) return
    timer = setTimeout(look, Math.max(1, idle[0].since + milliseconds - performance.now())).unref()
  }

  function look(): void {
    timer = null
    const until = performance.now() - milliseconds
    const firstToStay = idle.findIndex(({ since }) => since > until)
    for (const { kept } of idle.splice(0, firstToStay < 0 ? idle.length : firstToStay)) leave(kept)
    watch()
  }

  return {
    add(kept: Kept): void {
      idle.push({ kept, since: performance.now() })
      watch()
    },
    /** The one that was needed last, or null. */
    take(): Kept | null {
      return idle.pop()?.kept ?? null
    },
    /** Lets go of all. */
    clear(): void {
      for (const { kept } of idle.splice(0)) leave(kept)
    },
  }
}
