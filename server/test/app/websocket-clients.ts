import net from 'node:net'

/** One of the WebSockets that `openClients` opens. */
export interface Client {
  readonly index: number
  /** Sends a text frame of at most 125 bytes. */
  send(text: string): void
  /** Reads nothing more until `resume`; the connection stays open. */
  pause(): void
  resume(): void
  /** Ends the connection without a close frame. */
  destroy(): void
}

export interface Clients {
  readonly all: readonly Client[]
  close(): void
}

interface Options {
  port: number
  path: string
  count: number
  /** The headers of each client's request, besides those that every WebSocket sends. */
  headers: (index: number) => Record<string, string>
  onOpen: (client: Client) => void
  /** Called with each text frame, which lies between `begin` and `end`. The buffer is used again as soon as the call returns. */
  onText: (client: Client, bytes: Buffer, begin: number, end: number) => void
  /** Called with the close code that the server sent; 1006 where the connection ended without one. */
  onClose?: (client: Client, code: number) => void
}

/** The number of connections that are opened at the same time. It is limited because the system's queue of new connections is short. */
const openedAtOnce = 100
const headersEnd = Buffer.from('\r\n\r\n')

/**
 * Opens thousands of WebSockets in one process. All of them read into one buffer, so they cost little and a benchmark
 * measures the server. Each answers pings. Resolves when all are open; rejects with the status where one is refused.
 */
export async function openClients(options: Options): Promise<Clients> {
  const all: ClientConnection[] = []
  const shared = Buffer.allocUnsafe(256 * 1024)
  const opening = async () => {
    while (all.length < options.count) {
      const client = new ClientConnection(all.length, options)
      all.push(client)
      await client.open(shared)
    }
  }
  try {
    await Promise.all(Array.from({ length: openedAtOnce }, opening))
  } catch (error) {
    for (const client of all) client.destroy()
    throw error
  }
  return {
    all,
    close() {
      for (const client of all) client.destroy()
    },
  }
}

class ClientConnection implements Client {
  readonly index: number
  readonly #options: Options
  #socket: net.Socket | null = null
  /** The beginning of a frame whose rest has not arrived. */
  #rest: Buffer | null = null
  #isOpen = false
  #code = 1006

  constructor(index: number, options: Options) {
    this.index = index
    this.#options = options
  }

  open(shared: Buffer): Promise<void> {
    const { port, path, headers } = this.#options
    return new Promise((resolve, reject) => {
      const socket = net.connect({
        port,
        host: '127.0.0.1',
        noDelay: true,
        onread: {
          buffer: shared,
          callback: (count) => {
            if (this.#isOpen && this.#rest === null) this.#take(shared, 0, count)
            else {
              const chunk = Buffer.concat([this.#rest ?? Buffer.alloc(0), shared.subarray(0, count)])
              this.#rest = null
              if (this.#isOpen) this.#take(chunk, 0, chunk.length)
              else this.#takeAnswer(chunk, resolve, reject)
            }
            return true
          },
        },
      })
      this.#socket = socket
      socket.on('error', reject)
      socket.on('close', () => {
        reject(new Error('The connection was closed while it was being opened.'))
        if (this.#isOpen) this.#options.onClose?.(this, this.#code)
      })
      const fields = {
        Host: `127.0.0.1:${port}`,
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
        ...headers(this.index),
      }
      const head = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
      socket.write(`GET ${path} HTTP/1.1\r\n${head.join('')}\r\n`)
    })
  }

  #takeAnswer(chunk: Buffer, resolve: () => void, reject: (error: Error) => void): void {
    const end = chunk.indexOf(headersEnd)
    if (end === -1) {
      this.#rest = Buffer.from(chunk)
      return
    }
    const status = chunk.subarray(9, 12).toString('latin1')
    if (status !== '101') return reject(new Error(`refused with ${status}`))
    this.#isOpen = true
    resolve()
    this.#options.onOpen(this)
    this.#take(chunk, end + headersEnd.length, chunk.length)
    return undefined
  }

  /** Reads the frames in these bytes (RFC 6455 section 5.2). A server's frames are not masked. */
  #take(bytes: Buffer, from: number, until: number): void {
    let at = from
    while (until - at >= 2) {
      const short = (bytes[at + 1] ?? 0) & 0x7f
      const headLength = short === 127 ? 10 : short === 126 ? 4 : 2
      if (until - at < headLength) break
      const length =
        short === 127 ? Number(bytes.readBigUInt64BE(at + 2)) : short === 126 ? bytes.readUInt16BE(at + 2) : short
      const begin = at + headLength
      if (until - begin < length) break
      const opcode = (bytes[at] ?? 0) & 0x0f
      at = begin + length
      if (opcode === 1) this.#options.onText(this, bytes, begin, at)
      else this.#takeControl(opcode, bytes.subarray(begin, at))
    }
    if (at < until) this.#rest = Buffer.from(bytes.subarray(at, until))
  }

  #takeControl(opcode: number, payload: Buffer): void {
    if (opcode === 9) this.#write(10, payload)
    if (opcode !== 8) return
    this.#code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005
    this.#write(8, payload)
  }

  /** Writes one frame. A client has to mask its frames, and a mask of zeros leaves the payload as it is. */
  #write(opcode: number, payload: Buffer): void {
    this.#socket?.write(Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length, 0, 0, 0, 0]), payload]))
  }

  send(text: string): void {
    this.#write(1, Buffer.from(text))
  }

  pause(): void {
    this.#socket?.pause()
  }

  resume(): void {
    this.#socket?.resume()
  }

  destroy(): void {
    this.#socket?.destroy()
  }
}
