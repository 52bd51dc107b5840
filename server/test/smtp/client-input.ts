import type net from 'node:net'

/** What a client sends to a mail server. Each promise resolves to null when the connection ends first. */
export interface ClientInput {
  /** Resolves to the next line, without its end. */
  line(): Promise<string | null>
  /** Resolves to the content of a mail, without the dots that the client added; `onFirstBytes` can end the reading by null. */
  body(onFirstBytes: () => Promise<string | null>): Promise<Buffer | null>
  /** Gives what has arrived and was not read yet. */
  unread(): string
}

/** Reads lines and the content of mails from a socket. */
export function readClientInput(socket: net.Socket): ClientInput {
  let buffer = Buffer.alloc(0)
  const state = { ended: false }
  let wake: (() => void) | null = null
  const moreOrEnd = (): Promise<void> => new Promise((resolve) => (wake = resolve))
  socket.on('data', (chunk: Buffer) => {
    buffer = Buffer.concat([buffer, chunk])
    wake?.()
  })
  const end = (): void => {
    state.ended = true
    wake?.()
  }
  socket.on('end', end)
  socket.on('close', end)
  socket.on('error', end)

  /** Removes everything up to a separator, and the separator itself, from what has arrived. */
  async function takeUpTo(separator: string): Promise<Buffer | null> {
    for (;;) {
      const at = buffer.indexOf(separator)
      if (at >= 0) {
        const found = buffer.subarray(0, at)
        buffer = buffer.subarray(at + separator.length)
        return found
      }
      if (state.ended) return null
      await moreOrEnd()
    }
  }

  return {
    unread: () => buffer.toString('latin1'),
    async line() {
      return (await takeUpTo('\r\n'))?.toString('latin1') ?? null
    },
    async body(onFirstBytes) {
      while (buffer.length === 0 && !state.ended) await moreOrEnd()
      if (buffer.length > 0 && (await onFirstBytes()) === null) return null
      // The line end after DATA counts as the one before the first line.
      buffer = Buffer.concat([Buffer.from('\r\n'), buffer])
      const body = await takeUpTo('\r\n.\r\n')
      if (body === null) return null
      return Buffer.from(`${body.toString('latin1')}\r\n`.replaceAll('\r\n..', '\r\n.').slice(2), 'latin1')
    },
  }
}
