import { Type, type Static } from 'typebox'
import { strict } from './basics.schema.ts'
import type { Progress, SessionEvent } from './activation.schema.ts'
import type { ErrorCode } from './codes.ts'

/** The frames that a client may send over the live connection. Any text passes as an id; an unknown one is answered with SESSION_NOT_FOUND. */
export const ClientFrame = Type.Union([
  strict({ type: Type.Literal('subscribe'), sessionId: Type.String() }),
  strict({ type: Type.Literal('unsubscribe'), sessionId: Type.String() }),
  strict({ type: Type.Literal('subscribe'), room: Type.Literal('active') }),
])
export type ClientFrame = Static<typeof ClientFrame>

/** The frames that the server sends over the live connection. */
export type ServerFrame =
  | { type: 'progress'; data: Progress }
  | { type: 'active'; data: Progress[] }
  | { type: 'event'; sessionId: string; data: SessionEvent }
  | { type: 'heartbeat'; at: string }
  | { type: 'error'; code: ErrorCode; msg: string; sessionId?: string }

/** The milliseconds between two heartbeats: the server sends a heartbeat frame and a WebSocket ping each time. */
export const heartbeatMilliseconds = 15_000
