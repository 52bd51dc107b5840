import type { Progress, SessionEvent } from '@rollcall/shared'

/** The response to a GET, as far as polling reads it. */
export type PollResponse = Pick<Response, 'status' | 'json'> & { headers: Pick<Headers, 'get'> }

/** What the live connection uses of the browser. Tests pass their own, see fake-network.ts. */
export interface LiveEnvironment {
  openSocket(path: string): WebSocket
  openEventSource(path: string): EventSource
  fetch(path: string, headers: Record<string, string>): Promise<PollResponse>
  /** 0 ≤ x < 1. */
  random(): number
  setTimer(run: () => void, milliseconds: number): unknown
  clearTimer(timer: unknown): void
}

/** What carries the numbers at the moment. `connecting`: nothing arrives; `stopped`: the server refused this person. */
export type Transport = 'connecting' | 'websocket' | 'events' | 'polling' | 'stopped'

/**
 * How current the numbers of a session are. `unknown`: there are none; `stale`: they were true once, in this browser's
 * cache or in an answer; `live`: a message of the present connection confirmed them; `final`: they change no more.
 */
export type Freshness = 'unknown' | 'stale' | 'live' | 'final'

/** What the live connection reports. A method with an optional session id means all sessions where it is left out. */
export interface LiveListener {
  /** A progress arrived; it may be older than one that arrived before. */
  onProgress(progress: Progress): void
  /** All sessions that are not finished. */
  onActiveSessions(sessions: Progress[]): void
  onEvent(sessionId: string, event: SessionEvent): void
  /** A message arrived, so numbers that were live still are. */
  onMessage(sessionId?: string): void
  /** The connection dropped, so numbers are not live until the next message about them. */
  onDropped(sessionId?: string): void
  onTransport(transport: Transport): void
  /** The server knows no such session. */
  onSessionMissing(sessionId: string): void
  onSignedOut(): void
}

export const livePaths = {
  socket: '/crm/activation/live',
  progress: (sessionId: string) => `/crm/activation/progress/${encodeURIComponent(sessionId)}`,
  stream: (sessionId: string) => `/crm/activation/progress/${encodeURIComponent(sessionId)}/stream`,
  active: '/crm/activation/sessions?active=true&limit=100',
}

/** A poll is repeated every two seconds; one that takes longer than this has hung, and counts as failed. */
const pollTimeoutMilliseconds = 10_000

/** The browser's own WebSocket, EventSource, fetch and timers. `baseUrl` is where Rollcall answers; empty: this origin. */
export function browserEnvironment(baseUrl = ''): LiveEnvironment {
  return {
    openSocket: (path) => new WebSocket(new URL(baseUrl + path, location.href).href.replace(/^http/, 'ws')),
    openEventSource: (path) => new EventSource(baseUrl + path, { withCredentials: true }),
    fetch: (path, headers) =>
      fetch(baseUrl + path, {
        headers,
        credentials: 'include',
        cache: 'no-store',
        signal: AbortSignal.timeout(pollTimeoutMilliseconds),
      }),
    random: () => Math.random(),
    setTimer: (run, milliseconds) => setTimeout(run, milliseconds),
    clearTimer: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
  }
}
