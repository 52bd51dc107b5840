import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from './application.ts'
import type { Cluster } from './cluster.ts'
import { rotateLog } from './log-file.ts'
import { type Ownership, takeOwnership } from './ownership.ts'
import { findRunning, launch, type Postmaster, stopPostmaster } from './postmaster.ts'

/**
 * `running`: PostgreSQL lived at the last look. `recovering`: it was found dead, or the ownership was lost, and both are being
 * brought back. `stopping`: the application has asked for the end. `stopped`: PostgreSQL has ended, for good.
 */
export type SupervisorMode = 'running' | 'recovering' | 'stopping' | 'stopped'

const transitions: Readonly<Record<SupervisorMode, readonly SupervisorMode[]>> = {
  running: ['recovering', 'stopping'],
  recovering: ['running', 'stopping'],
  stopping: ['stopped'],
  stopped: [],
}

/** Throws where a supervisor in the mode `from` must not enter the mode `to`. */
export function assertTransition(from: SupervisorMode, to: SupervisorMode): void {
  if (!transitions[from].includes(to)) throw new Error(`A PostgreSQL that is ${from} cannot become ${to}.`)
}

const watchMilliseconds = 250
const longestPauseMilliseconds = 5_000
/** The size from which the log is rotated, also at the start; see `rotateLog`. */
export const maximumLogBytes = 5_000_000

interface Supervised {
  cluster: Cluster
  settings: Record<string, string>
  logger: Logger
  postmaster: Postmaster
  ownership: Ownership
}

/**
 * Looks four times a second whether PostgreSQL lives. It starts it again on the same port when it has died, and takes the ownership
 * again when its connection was lost. While that fails it is tried again, at pauses that grow to five seconds.
 */
export class Supervisor {
  #mode: SupervisorMode = 'running'
  readonly #supervised: Supervised
  readonly #stopRequest = new AbortController()
  readonly #watching: Promise<void>
  #stopped: Promise<void> | null = null

  constructor(supervised: Supervised) {
    this.#supervised = supervised
    this.#watching = this.#watch()
  }

  get mode(): SupervisorMode {
    return this.#mode
  }

  /** Ends the watch, gives the ownership back, and stops PostgreSQL after a checkpoint. Further calls wait for the first. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    this.#stopRequest.abort()
    // A recovery that is under way comes to its end first: a PostgreSQL that starts cannot be stopped.
    await this.#watching
    this.#enter('stopping')
    await this.#supervised.ownership.release()
    await stopPostmaster(this.#supervised.cluster)
    this.#enter('stopped')
  }

  #enter(mode: SupervisorMode): void {
    assertTransition(this.#mode, mode)
    this.#mode = mode
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stopRequest
    let pause = watchMilliseconds
    while (!signal.aborted) {
      // The watch is no reason to keep the process alive: an application that ends without stop() leaves PostgreSQL running.
      await wait(pause, undefined, { signal, ref: false }).catch(() => {})
      if (signal.aborted) return
      pause = (await this.#look()) ? watchMilliseconds : Math.min(pause * 2, longestPauseMilliseconds)
    }
  }

  /** Brings PostgreSQL and the ownership back where one of them was lost. Returns true when both are there afterwards. */
  async #look(): Promise<boolean> {
    const { cluster, logger, postmaster, ownership } = this.#supervised
    try {
      const healthy = postmaster.isAlive() && ownership.isHeld()
      if (!healthy) {
        if (this.#mode === 'running') this.#enter('recovering')
        await this.#recover()
      }
      if (this.#mode === 'recovering') this.#enter('running')
      await rotateLog(cluster.paths.logFile, maximumLogBytes)
      return true
    } catch (error) {
      logger.error({ err: error }, 'PostgreSQL does not run; trying again.')
      return false
    }
  }

  async #recover(): Promise<void> {
    const { cluster, settings, logger } = this.#supervised
    const { port } = this.#supervised.postmaster
    if (!this.#supervised.postmaster.isAlive()) {
      logger.error({ folder: cluster.paths.home }, 'PostgreSQL has stopped unexpectedly; starting it again.')
      const started = (await findRunning(cluster)) ?? (await launch(cluster, port, settings))
      if (typeof started === 'string') throw new Error(`PostgreSQL could not be started again: ${started}.`)
      this.#supervised.postmaster = started
      logger.warn({ port: started.port }, 'PostgreSQL was started again.')
    }
    if (!this.#supervised.ownership.isHeld())
      this.#supervised.ownership = await takeOwnership(cluster, this.#supervised.postmaster.port)
  }
}
