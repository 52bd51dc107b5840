import type { ClientFrame, ServerFrame } from '@rollcall/shared'
import type { LivePorts, SocketLike } from './environment.ts'

export const openingMilliseconds = 2_500
export const firstFrameMilliseconds = 5_000
/** The server sends a heartbeat every 15 s; almost two missed ones mean that nobody is there. */
export const watchdogMilliseconds = 28_000
export const probeMilliseconds = 2_500

interface SocketHooks {
  /** The socket takes frames now. */
  opened(): void
  frame(frame: ServerFrame): void
  /** It is over. `worked` is false when no frame ever arrived; `code` is 0 when this side gave up. */
  ended(code: number, worked: boolean): void
}

function parseFrame(text: unknown): ServerFrame | null {
  if (typeof text !== 'string') return null
  try {
    const frame: unknown = JSON.parse(text)
    return typeof frame === 'object' && frame !== null && 'type' in frame ? (frame as ServerFrame) : null
  } catch {
    return null
  }
}

/** One WebSocket from its opening to its end, with the watch over its silence. It reports its end exactly once. */
export class LiveSocket {
  readonly #ports: LivePorts
  readonly #hooks: SocketHooks
  readonly #socket: SocketLike
  #timer: unknown
  #state: 'opening' | 'open' | 'working' | 'over' = 'opening'
  #probing = false

  constructor(ports: LivePorts, hooks: SocketHooks) {
    this.#ports = ports
    this.#hooks = hooks
    this.#expectWithin(openingMilliseconds)
    this.#socket = ports.openSocket({
      open: () => this.#opened(),
      message: (data) => this.#take(data),
      close: (code) => this.#end(code),
    })
  }

  get working(): boolean {
    return this.#state === 'working'
  }

  send(frame: ClientFrame): void {
    if (this.#state === 'open' || this.#state === 'working') this.#socket.send(JSON.stringify(frame))
  }

  /** Asks for an answer and gives up if none comes: a socket looks open long after its network has gone. */
  probe(): void {
    if (!this.working || this.#probing) return
    this.#probing = true
    this.send({ type: 'subscribe', room: 'active' })
    this.#expectWithin(probeMilliseconds)
  }

  /** Closes without a report. */
  discard(): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    this.#ports.clearTimer(this.#timer)
    this.#socket.close()
  }

  #opened(): void {
    if (this.#state !== 'opening') return
    this.#state = 'open'
    this.#expectWithin(firstFrameMilliseconds)
    this.#hooks.opened()
  }

  #take(data: unknown): void {
    const frame = parseFrame(data)
    if (!frame || this.#state === 'over') return
    this.#state = 'working'
    this.#probing = false
    this.#expectWithin(watchdogMilliseconds)
    this.#hooks.frame(frame)
  }

  #expectWithin(milliseconds: number): void {
    this.#ports.clearTimer(this.#timer)
    this.#timer = this.#ports.setTimer(() => this.#end(0), milliseconds)
  }

  #end(code: number): void {
    if (this.#state === 'over') return
    const worked = this.working
    this.discard()
    this.#hooks.ended(code, worked)
  }
}
