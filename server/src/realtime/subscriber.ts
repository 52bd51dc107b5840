import type { Frame } from './frames.ts'

/** A connection that is in rooms: a WebSocket or a stream of server-sent events. */
export interface Subscriber {
  /** False while too much of what was sent has not been read. Frames are skipped then, and `catchUp` sends the newest ones later. */
  ready(): boolean
  /** Sends a frame, which all subscribers share. */
  send(frame: Frame): void
}
