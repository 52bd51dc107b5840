import type { Progress, SessionEvent } from '@rollcall/shared'

/** An open connection, as far as this side may act on it. */
export interface SocketLike {
  send(text: string): void
  close(): void
}
export interface SocketHears {
  open(): void
  message(data: unknown): void
  close(code: number): void
}

export interface EventsLike {
  close(): void
}
export interface EventsHears {
  progress(data: string): void
  sessionEvent(data: string): void
  error(): void
}

/** The answer to a GET, as far as polling needs it. */
export interface AnswerLike {
  status: number
  headers: { get(name: string): string | null }
  json(): Promise<unknown>
}

/** Everything the live connection needs of the world, so that tests can bring their own. */
export interface LivePorts {
  openSocket(hears: SocketHears): SocketLike
  openEvents(path: string, hears: EventsHears): EventsLike
  fetch(path: string, headers: Record<string, string>): Promise<AnswerLike>
  /** 0 ≤ x < 1. */
  random(): number
  setTimer(run: () => void, milliseconds: number): unknown
  clearTimer(timer: unknown): void
}

/** What numbers travel on at the moment; `connecting` also means: nothing arrives. */
export type Transport = 'connecting' | 'websocket' | 'events' | 'polling' | 'stopped'

/** Who hears what arrives. */
export interface LiveListener {
  /** A progress arrived on this connection. */
  progress(progress: Progress): void
  /** All sessions that are not finished. */
  active(sessions: Progress[]): void
  event(sessionId: string, event: SessionEvent): void
  /** A sign of life: what was live (of this session, or of all) is still true. */
  heard(sessionId?: string): void
  /** Numbers (of this session, or of all) are not confirmed until the next frame. */
  lost(sessionId?: string): void
  transport(transport: Transport): void
  /** The server knows no such session. */
  unknown(sessionId: string): void
  signedOut(): void
}

export const livePaths = {
  socket: '/crm/activation/live',
  progress: (sessionId: string) => `/crm/activation/progress/${encodeURIComponent(sessionId)}`,
  stream: (sessionId: string) => `/crm/activation/progress/${encodeURIComponent(sessionId)}/stream`,
  active: '/crm/activation/sessions?active=true&limit=100',
}

function openSocket(hears: SocketHears): SocketLike {
  const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}${livePaths.socket}`)
  socket.addEventListener('open', () => hears.open())
  socket.addEventListener('message', (event) => hears.message(event.data))
  socket.addEventListener('close', (event) => hears.close(event.code))
  return socket
}

function openEvents(path: string, hears: EventsHears): EventsLike {
  const stream = new EventSource(path)
  stream.addEventListener('progress', (event) => hears.progress(event.data))
  stream.addEventListener('session-event', (event) => hears.sessionEvent(event.data))
  stream.addEventListener('error', () => hears.error())
  return stream
}

/** The browser's own parts. */
export function browserPorts(): LivePorts {
  return {
    openSocket,
    openEvents,
    fetch: (path, headers) => fetch(path, { headers, credentials: 'same-origin', cache: 'no-store' }),
    random: () => Math.random(),
    setTimer: (run, milliseconds) => setTimeout(run, milliseconds),
    clearTimer: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
  }
}
