import { WebSocket } from 'ws'
import type { ServerFrame } from '@rollcall/shared'

/** One thing to tell. What goes over a line is made when it is first asked for, and shared by all who are told. */
export class Frame {
  readonly content: ServerFrame
  #text: string | null = null
  #message: Buffer | null = null
  #streamed: Buffer | null = null

  constructor(content: ServerFrame) {
    this.content = content
  }

  get type(): ServerFrame['type'] {
    return this.content.type
  }

  /** The frame as JSON. */
  get text(): string {
    return (this.#text ??= JSON.stringify(this.content))
  }

  /** The frame as a whole WebSocket text message with its head (RFC 6455 section 5.2); a server masks nothing. */
  get message(): Buffer {
    return (this.#message ??= Buffer.concat(
      senders.Sender.frame(Buffer.from(this.text), { fin: true, opcode: 1, mask: false, rsv1: false, readOnly: true }),
    ))
  }

  /** The frame as a server-sent event; empty where a stream does not carry its kind. */
  get streamed(): Buffer {
    return (this.#streamed ??= Buffer.from(eventText(this.content)))
  }
}

/** What the `ws` package has beyond its types; Socket.IO relies on the same. */
const senders = WebSocket as unknown as {
  Sender: { frame(data: Buffer, options: Record<string, unknown>): Buffer[] }
}

function eventText(content: ServerFrame): string {
  if (content.type === 'progress')
    return `id: ${content.data.version}\nevent: progress\ndata: ${JSON.stringify(content.data)}\n\n`
  if (content.type === 'event') {
    const { sessionId, data } = content
    return `event: session-event\ndata: ${JSON.stringify({ sessionId, data })}\n\n`
  }
  return ''
}
