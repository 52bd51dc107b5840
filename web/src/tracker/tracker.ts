import type { Progress, SessionEvent } from '@rollcall/shared'
import { useEventListener, useIntervalFn, useThrottleFn } from '@vueuse/core'
import { defineStore } from 'pinia'
import { computed, reactive, ref } from 'vue'
import { ApiFailure, call } from '../api/http.ts'
import { LiveConnection } from '../live/connection.ts'
import { browserEnvironment, type Freshness, type LiveListener, type Transport } from '../live/environment.ts'
import { forgetKept, keptKey, parseKept, readKept, writeKept, type KeptBySession } from './cache.ts'
import { hasBegun, isOver } from './percent.ts'
import { knowledgeOf, showEndedMilliseconds, showsInTracker, unknownSession, withProgress } from './sessions.ts'
import type { Source, Tracked } from './sessions.ts'

const keepEveryMilliseconds = 1_000
const recentSessions = 20
const listenAgainMilliseconds = 5_000

type EventHandler = (sessionId: string, event: SessionEvent) => void

function storage(): Storage | null {
  try {
    return window.localStorage
  } catch {
    return null
  }
}

/** The latest progress of every session this tab knows of, whichever way it came. */
export const useProgressStore = defineStore('progress', () => {
  const sessions = reactive(new Map<string, Tracked>())
  const transport = ref<Transport>('connecting')
  const now = ref(Date.now())
  const missing = reactive(new Set<string>())
  const eventHandlers = new Set<EventHandler>()
  const trackerRooms = new Map<string, () => void>()
  let started = false

  const live = new LiveConnection(browserEnvironment(), listener())
  const keep = useThrottleFn(writeAll, keepEveryMilliseconds, true)
  const clock = useIntervalFn(tick, 1_000, { immediate: false })

  const tracked = computed(() =>
    [...sessions.entries()]
      .filter(([, session]) => showsInTracker(session, now.value))
      .map(([sessionId, session]) => ({ sessionId, progress: session.progress as Progress }))
      .toSorted((a, b) => b.progress.createdAt.localeCompare(a.progress.createdAt)),
  )
  const running = computed(() => tracked.value.map(({ progress }) => progress).filter((each) => !isOver(each)))

  function apply(incoming: Progress, source: Source, at = Date.now()): void {
    const known = sessions.get(incoming.sessionId) ?? unknownSession
    const next = withProgress(known, incoming, source, at)
    if (next === known) return
    missing.delete(incoming.sessionId)
    sessions.set(incoming.sessionId, next)
    if (showsInTracker(next, Date.now())) joinRoom(incoming.sessionId)
    if (source !== 'kept') void keep()
  }

  /** Every session that the tracker shows has its room, until it leaves the tracker. */
  function joinRoom(sessionId: string): void {
    if (started && !trackerRooms.has(sessionId)) trackerRooms.set(sessionId, live.subscribe(sessionId))
  }

  function leaveRoom(sessionId: string): void {
    trackerRooms.get(sessionId)?.()
    trackerRooms.delete(sessionId)
  }

  function listener(): LiveListener {
    return {
      onProgress: (progress) => apply(progress, 'live'),
      onActiveSessions: (list) => {
        for (const progress of list) apply(progress, 'answer')
      },
      onEvent: (sessionId, event) => {
        for (const handle of eventHandlers) handle(sessionId, event)
      },
      onMessage: (sessionId) => eachConfirmed(sessionId, (session) => ({ ...session, trueAt: Date.now() })),
      onDropped: (sessionId) => eachConfirmed(sessionId, (session) => ({ ...session, confirmed: false })),
      onTransport: (kind) => (transport.value = kind),
      onSessionMissing: forget,
      onSignedOut: () => void confirmSignIn(),
    }
  }

  /** The connection was refused for want of a sign-in. If that is so, this call's 401 leads there; if not, listen again. */
  async function confirmSignIn(): Promise<void> {
    try {
      await call('GET /staff/me', {})
      window.setTimeout(() => started && live.start(), listenAgainMilliseconds)
    } catch {
      // Whoever hears of 401s has heard of this one.
    }
  }

  function eachConfirmed(sessionId: string | undefined, change: (session: Tracked) => Tracked): void {
    for (const [id, session] of sessions) {
      if (session.confirmed && (sessionId === undefined || id === sessionId)) sessions.set(id, change(session))
    }
  }

  function forget(sessionId: string): void {
    leaveRoom(sessionId)
    sessions.delete(sessionId)
    missing.add(sessionId)
  }

  function tick(): void {
    now.value = Date.now()
    for (const sessionId of trackerRooms.keys()) {
      const session = sessions.get(sessionId)
      if (!session || !showsInTracker(session, now.value)) leaveRoom(sessionId)
    }
  }

  function writeAll(): void {
    if (!started) return
    const mine: KeptBySession = {}
    for (const [sessionId, { progress, trueAt }] of sessions) if (progress) mine[sessionId] = { progress, trueAt }
    const oldest = Date.now() - showEndedMilliseconds
    writeKept(storage(), mine, ({ progress, trueAt }) =>
      isOver(progress) ? Date.parse(progress.finishedAt ?? progress.updatedAt) > oldest : trueAt > oldest - 86_400_000,
    )
  }

  function paint(kept: KeptBySession): void {
    for (const { progress, trueAt } of Object.values(kept)) if (hasBegun(progress)) apply(progress, 'kept', trueAt)
  }

  /** Paints what the browser kept, asks the server, and listens. To be called when somebody is signed in. */
  function begin(): void {
    if (started) return
    started = true
    clock.resume()
    tick()
    const kept = readKept(storage())
    paint(kept)
    live.start()
    void askAll(Object.keys(kept))
  }

  /** Forgets everything, here and in the browser's storage. To be called when the sign-in ends. */
  function end(): void {
    started = false
    clock.pause()
    live.stop()
    for (const sessionId of trackerRooms.keys()) leaveRoom(sessionId)
    sessions.clear()
    missing.clear()
    forgetKept(storage())
  }

  async function askAll(kept: string[]): Promise<void> {
    const queries = [{ active: true, limit: 100 }, { limit: recentSessions }]
    const answers = await Promise.allSettled(queries.map((query) => call('GET /crm/activation/sessions', { query })))
    for (const answer of answers) {
      if (answer.status !== 'fulfilled') continue
      for (const progress of answer.value.items) {
        if (!isOver(progress) || sessions.has(progress.sessionId) || endedLately(progress)) apply(progress, 'answer')
      }
    }
    await Promise.allSettled(kept.map((sessionId) => ask(sessionId)))
  }

  function endedLately(progress: Progress): boolean {
    return Date.now() - Date.parse(progress.finishedAt ?? progress.updatedAt) < showEndedMilliseconds
  }

  async function ask(sessionId: string): Promise<void> {
    try {
      apply(await call('GET /crm/activation/progress/:sessionId', { parameters: { sessionId } }), 'answer')
    } catch (error) {
      if (error instanceof ApiFailure && error.status === 404) forget(sessionId)
    }
  }

  /** Follows one session for as long as a page shows it. Returns what ends it. */
  function follow(sessionId: string, onEvent: EventHandler): () => void {
    const leave = live.subscribe(sessionId)
    eventHandlers.add(onEvent)
    void ask(sessionId)
    return () => {
      eventHandlers.delete(onEvent)
      leave()
    }
  }

  function knowledge(sessionId: string): Freshness {
    return knowledgeOf(sessions.get(sessionId))
  }

  useEventListener(window, ['online', 'pageshow'], () => live.checkNow())
  useEventListener(document, 'visibilitychange', () => {
    if (document.visibilityState === 'visible') live.checkNow()
    else writeAll()
  })
  useEventListener(window, 'pagehide', writeAll)
  useEventListener(window, 'storage', (event) => {
    if (event.key === keptKey && started) paint(parseKept(event.newValue))
  })

  return { sessions, missing, transport, now, tracked, running, apply, begin, end, follow, knowledge }
})
