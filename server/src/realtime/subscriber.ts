import type { Frame } from './frames.ts'

/** Somebody who watches: a WebSocket or a stream of server-sent events. */
export interface Subscriber {
  /** False while it has not taken what it was given; then it gets the newest later, by `catchUp`, and is never waited for. */
  ready(): boolean
  /** One frame, which is the same object for everybody. */
  send(frame: Frame): void
}
