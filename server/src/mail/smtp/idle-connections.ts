/**
 * Keeps connections that nobody needs right now, and gives each that was not needed for `milliseconds` to `onIdle`, for it to be
 * closed. One timer serves all of them, because most are kept for an instant only.
 */
export function createIdleConnections<Connection>(milliseconds: number, onIdle: (connection: Connection) => void) {
  /** The connection that was needed least recently comes first. */
  const idle: { connection: Connection; since: number }[] = []
  let timer: NodeJS.Timeout | null = null

  function startTimer(): void {
    if (timer !== null || idle[0] === undefined) return
    timer = setTimeout(removeExpired, Math.max(1, idle[0].since + milliseconds - performance.now())).unref()
  }

  function removeExpired(): void {
    timer = null
    const expiry = performance.now() - milliseconds
    const firstToStay = idle.findIndex(({ since }) => since > expiry)
    for (const { connection } of idle.splice(0, firstToStay < 0 ? idle.length : firstToStay)) onIdle(connection)
    startTimer()
  }

  return {
    /** Keeps a connection from now on. */
    add(connection: Connection): void {
      idle.push({ connection, since: performance.now() })
      startTimer()
    },
    /** Returns the connection that was needed most recently and keeps it no more, or null when there is none. */
    take(): Connection | null {
      return idle.pop()?.connection ?? null
    },
    /** Gives all of them to `onIdle` at once. */
    clear(): void {
      for (const { connection } of idle.splice(0)) onIdle(connection)
    },
  }
}
