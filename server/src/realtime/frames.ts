import type { ServerFrame } from '@rollcall/shared'
import { encodeTextMessage } from '../vendor/ws.ts'

/** One frame for any number of subscribers. Each encoding is made when it is first asked for, and all subscribers share it. */
export class Frame {
  readonly content: ServerFrame
  #text: string | null = null
  #message: Buffer | null = null
  #event: Buffer | null = null

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

  /** The frame as a whole WebSocket message. */
  get message(): Buffer {
    return (this.#message ??= encodeTextMessage(this.text))
  }

  /** The frame as a server-sent event; empty where a stream does not carry its type. */
  get event(): Buffer {
    return (this.#event ??= Buffer.from(eventText(this.content)))
  }
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
