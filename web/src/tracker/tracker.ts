import type { Progress, SessionEvent } from '@rollcall/shared'
import { isFinished, type SessionCommand } from '@rollcall/shared/statuses'
import { computed, inject, ref, type App, type InjectionKey, type Ref } from 'vue'
import { LiveConnection } from '../live/connection.ts'
import { browserEnvironment, type Freshness, type LiveEnvironment, type Transport } from '../live/environment.ts'
import { httpApi, type TrackerApi } from './api.ts'
import * as cache from './cache.ts'
import type { TrackerHost } from './host.ts'
import { KnownOptions } from './options.ts'
import { browserStorage, onPageEvents } from './page-events.ts'
import { hasBegun } from './percent.ts'
import { isTracked, Sessions, showFinishedMilliseconds, type KnownSession, type Source } from './sessions.ts'

const tickMilliseconds = 1_000
const reconnectMilliseconds = 5_000
const recentSessions = 20

type EventHandler = (sessionId: string, event: SessionEvent) => void

/** What a tracker is created with. Everything has a default that fits a page of Rollcall's own origin. */
export interface TrackerOptions extends Partial<TrackerHost> {
  /** Where Rollcall answers: an origin, a path, or both; empty: the origin of the page. */
  baseUrl?: string
  api?: TrackerApi
  environment?: LiveEnvironment
  storage?: Storage | null
  /** Milliseconds since 1970. */
  clock?: () => number
}

/** Follows the progress of sessions for one tab. A Vue plugin: `app.use(tracker)`, then `useTracker()` in components. */
export class Tracker {
  readonly host: TrackerHost
  readonly options: KnownOptions
  readonly transport = ref<Transport>('connecting')
  /** The clock, moved every second. */
  readonly now: Ref<number>
  readonly #api: TrackerApi
  readonly #environment: LiveEnvironment
  readonly #storage: Storage | null
  readonly #clock: () => number
  readonly #live: LiveConnection
  readonly #sessions: Sessions
  readonly #rooms = new Map<string, () => void>()
  readonly #eventHandlers = new Set<EventHandler>()
  readonly #writeCacheSoon: () => void
  #isStarted = false
  #tickTimer: unknown

  constructor(options: TrackerOptions = {}) {
    this.host = { sessionHref: () => null, canSteer: () => true, ...options }
    this.#api = options.api ?? httpApi(options.baseUrl)
    this.#environment = options.environment ?? browserEnvironment(options.baseUrl)
    this.#storage = options.storage === undefined ? browserStorage() : options.storage
    this.#clock = options.clock ?? Date.now
    this.now = ref(this.#clock())
    this.options = new KnownOptions(this.#api, this.#environment)
    this.#sessions = new Sessions({
      now: this.#clock,
      changed: (session, source) => this.#sessionChanged(session, source),
    })
    this.#live = new LiveConnection(this.#environment, {
      ...this.#sessions.listener,
      onEvent: (sessionId, event) => this.#eventHandlers.forEach((handle) => handle(sessionId, event)),
      onTransport: (transport) => (this.transport.value = transport),
      onSessionMissing: (sessionId) => this.#forget(sessionId),
      onSignedOut: () => void this.#confirmSignedOut(),
    })
    this.#writeCacheSoon = cache.writeSeldom(() => this.#writeCache(), this.#environment)
    onPageEvents({
      returned: () => this.#live.checkNow(),
      leaving: () => this.#writeCache(),
      storageChanged: (key, value) => {
        if (key === cache.cacheKey && this.#isStarted) this.#showCached(cache.parseCached(value))
      },
    })
  }

  /** The sessions that the tray shows, the newest first. */
  readonly tracked = computed<Progress[]>(() =>
    [...this.#sessions.known.values()]
      .filter((session) => isTracked(session, this.now.value))
      .map(({ progress }) => progress)
      .toSorted((a, b) => b.createdAt.localeCompare(a.createdAt)),
  )
  /** Those of them that are not finished. */
  readonly running = computed(() => this.tracked.value.filter((progress) => !isFinished(progress)))

  install(app: App): void {
    app.provide(trackerKey, this)
  }

  session(sessionId: string): KnownSession | undefined {
    return this.#sessions.known.get(sessionId)
  }

  freshness(sessionId: string): Freshness {
    return this.#sessions.freshness(sessionId)
  }

  /** Takes in a progress that came as an answer to a request of the host's. */
  apply(progress: Progress): void {
    this.#sessions.apply(progress, 'answer')
  }

  /** Shows what the browser cached, requests the sessions and connects. For when somebody has signed in. */
  start(): void {
    if (this.#isStarted) return
    this.#isStarted = true
    this.#tick()
    const cached = cache.readCached(this.#storage)
    this.#showCached(cached)
    this.#live.start()
    void this.#loadAll(Object.keys(cached))
  }

  /** Disconnects and forgets everything, here and in the browser's storage. For when the sign-in ends. */
  stop(): void {
    this.#isStarted = false
    this.#environment.clearTimer(this.#tickTimer)
    this.#live.stop()
    for (const sessionId of this.#rooms.keys()) this.#leaveRoom(sessionId)
    this.#sessions.known.clear()
    cache.clearCached(this.#storage)
  }

  /** Follows one session for as long as a page shows it. Returns what ends that. */
  follow(sessionId: string, onEvent: EventHandler): () => void {
    const leave = this.#live.subscribe(sessionId)
    this.#eventHandlers.add(onEvent)
    void this.#load(sessionId)
    return () => {
      this.#eventHandlers.delete(onEvent)
      leave()
    }
  }

  /** Pauses, resumes or cancels a session. Rejects with the server's sentence where that is not possible now. */
  async runCommand(sessionId: string, command: SessionCommand): Promise<void> {
    this.apply(await this.#api.runCommand(sessionId, command))
  }

  #sessionChanged(session: KnownSession, source: Source): void {
    if (isTracked(session, this.#clock())) this.#joinRoom(session.progress.sessionId)
    if (source !== 'cache') this.#writeCacheSoon()
  }

  /** Every session that the tray shows has its room, until it leaves the tray. */
  #joinRoom(sessionId: string): void {
    if (this.#isStarted && !this.#rooms.has(sessionId)) this.#rooms.set(sessionId, this.#live.subscribe(sessionId))
  }

  #leaveRoom(sessionId: string): void {
    this.#rooms.get(sessionId)?.()
    this.#rooms.delete(sessionId)
  }

  #tick(): void {
    this.now.value = this.#clock()
    for (const sessionId of this.#rooms.keys()) {
      const session = this.session(sessionId)
      if (!session || !isTracked(session, this.now.value)) this.#leaveRoom(sessionId)
    }
    this.#tickTimer = this.#environment.setTimer(() => this.#tick(), tickMilliseconds)
  }

  #forget(sessionId: string): void {
    this.#leaveRoom(sessionId)
    this.#sessions.known.delete(sessionId)
  }

  /** The connection was refused for want of a sign-in. Where somebody is signed in after all, it is tried again. */
  async #confirmSignedOut(): Promise<void> {
    if (!(await this.#api.isSignedIn())) return
    this.#environment.setTimer(() => this.#isStarted && this.#live.start(), reconnectMilliseconds)
  }

  #showCached(cached: cache.CachedBySession): void {
    for (const { progress, trueAt } of Object.values(cached)) {
      if (hasBegun(progress)) this.#sessions.apply(progress, 'cache', trueAt)
    }
  }

  #writeCache(): void {
    if (!this.#isStarted) return
    const mine: cache.CachedBySession = {}
    for (const [sessionId, { progress, lastConfirmedAt }] of this.#sessions.known) {
      mine[sessionId] = { progress, trueAt: lastConfirmedAt }
    }
    cache.writeCached(this.#storage, mine, (cached) => cache.isWorthCaching(cached, this.#clock()))
  }

  async #loadAll(cachedIds: string[]): Promise<void> {
    const queries = [{ active: true, limit: 100 }, { limit: recentSessions }]
    const answers = await Promise.allSettled(queries.map((query) => this.#api.listSessions(query)))
    for (const progress of answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))) {
      const isKnown = this.session(progress.sessionId) !== undefined
      if (!isFinished(progress) || isKnown || this.#hasJustFinished(progress)) this.apply(progress)
    }
    await Promise.allSettled(cachedIds.map((sessionId) => this.#load(sessionId)))
  }

  #hasJustFinished({ finishedAt, updatedAt }: Progress): boolean {
    return this.#clock() - Date.parse(finishedAt ?? updatedAt) < showFinishedMilliseconds
  }

  async #load(sessionId: string): Promise<void> {
    const progress = await this.#api.readProgress(sessionId).catch(() => undefined)
    if (progress) this.apply(progress)
    if (progress === null) this.#forget(sessionId)
  }
}

const trackerKey: InjectionKey<Tracker> = Symbol('rollcall tracker')

export function createTracker(options: TrackerOptions = {}): Tracker {
  return new Tracker(options)
}

/** Returns the tracker that the app was given. For components, and for stores that are used in one. */
export function useTracker(): Tracker {
  const tracker = inject(trackerKey)
  if (!tracker) throw new Error('No tracker: app.use(createTracker()) comes first.')
  return tracker
}
