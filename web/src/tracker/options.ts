import type { SessionOptions } from '@rollcall/shared'
import { shallowReactive } from 'vue'
import type { LiveEnvironment } from '../live/environment.ts'
import type { TrackerApi } from './api.ts'

const retryMilliseconds = 5_000

/** The options of sessions that wait because of them: a progress does not carry them, and they never change. */
export class KnownOptions {
  readonly known = shallowReactive(new Map<string, SessionOptions>())
  readonly #requested = new Set<string>()
  readonly #api: TrackerApi
  readonly #environment: LiveEnvironment

  constructor(api: TrackerApi, environment: LiveEnvironment) {
    this.#api = api
    this.#environment = environment
  }

  set(sessionId: string, options: SessionOptions): void {
    this.known.set(sessionId, options)
  }

  /** Requests the options of a session that are not known yet; after a failure not again for some seconds. */
  async load(sessionId: string): Promise<void> {
    if (this.known.has(sessionId) || this.#requested.has(sessionId)) return
    this.#requested.add(sessionId)
    try {
      this.set(sessionId, await this.#api.readOptions(sessionId))
    } catch {
      this.#environment.setTimer(() => this.#requested.delete(sessionId), retryMilliseconds)
    }
  }
}
