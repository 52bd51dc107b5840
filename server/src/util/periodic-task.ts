import type { FastifyBaseLogger } from 'fastify'

/** Work that is done again and again until it is closed. */
export interface PeriodicTask {
  /**
   * Runs the task now instead of at its next time; while a run is under way, once more right after that run. The interval
   * is counted anew from the run. Does nothing after `close`.
   */
  trigger(): void
  /** Starts no further run, aborts the signal of the run that is under way, and resolves when that run has ended. */
  close(): Promise<void>
}

export interface PeriodicTaskOptions {
  /** What the task does, as the subject of a log line: "removing old sessions" failed and is tried again. */
  name: string
  /** Milliseconds before the first run; one interval when it is left out. */
  firstDelay?: number
  /** Milliseconds between two runs; a function is asked after every run. */
  interval: number | (() => number)
  /** Whether an interval begins with the end of a run (the default) or with its start, which keeps a steady rhythm. */
  intervalFrom?: 'end' | 'start'
  logger: Pick<FastifyBaseLogger, 'warn'>
}

/**
 * Runs `run` after `firstDelay` and then every `interval` until it is closed, never twice at once. A run that throws is
 * logged as a warning, and the next one comes at its usual time. The timer does not keep the process alive. `run` must
 * not wait for `close` of its own task.
 */
export function periodicTask(
  options: PeriodicTaskOptions,
  run: (signal: AbortSignal) => Promise<void> | void,
): PeriodicTask {
  const closing = new AbortController()
  const { signal } = closing
  let timer: NodeJS.Timeout | undefined
  let current: Promise<void> | null = null
  let isTriggered = false

  function schedule(milliseconds: number): void {
    clearTimeout(timer)
    timer = setTimeout(start, milliseconds).unref()
  }

  function start(): void {
    current = runOnce()
  }

  async function runOnce(): Promise<void> {
    const startedAt = performance.now()
    isTriggered = false
    try {
      await run(signal)
    } catch (error) {
      if (!signal.aborted) options.logger.warn({ err: error }, `${options.name} failed and is tried again`)
    }
    current = null
    if (signal.aborted) return
    const elapsed = options.intervalFrom === 'start' ? performance.now() - startedAt : 0
    schedule(isTriggered ? 0 : Math.max(0, interval() - elapsed))
  }

  function interval(): number {
    return typeof options.interval === 'number' ? options.interval : options.interval()
  }

  schedule(options.firstDelay ?? interval())
  return {
    trigger() {
      if (signal.aborted) return
      isTriggered = true
      if (current === null) schedule(0)
    },
    async close() {
      closing.abort()
      clearTimeout(timer)
      await current
    },
  }
}
