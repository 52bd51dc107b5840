import net from 'node:net'

/** One of many WebSockets of a crowd. */
export interface Member {
  readonly index: number
  /** Sends a text frame of at most 125 bytes. */
  send(text: string): void
  /** Reads nothing more until `resume`, while its line stands. */
  pause(): void
  resume(): void
  /** Ends the line without a word. */
  destroy(): void
}

export interface Crowd {
  readonly members: readonly Member[]
  close(): void
}

interface Options {
  port: number
  path: string
  count: number
  /** What the opening of each member carries besides what every WebSocket's does. */
  headers: (index: number) => Record<string, string>
  onOpen: (member: Member) => void
  /** One text frame, which lies between `begin` and `end`; the bytes are another's as soon as this returns. */
  onText: (member: Member, bytes: Buffer, begin: number, end: number) => void
  /** The close code that the server sent; 1006 where the line ended without one. */
  onClose?: (member: Member, code: number) => void
}

/** As many openings are under way at once; the system's queue of new connections is not endless. */
const openingsAtOnce = 100
const headersEnd = Buffer.from('\r\n\r\n')

/**
 * Thousands of WebSockets in one process, so lean that what is measured is the server: every frame is looked at in one
 * buffer that all share. Pings are answered. Resolves when all are open; rejects with the status where one is refused.
 */
export async function openCrowd(options: Options): Promise<Crowd> {
  const members: Line[] = []
  const shared = Buffer.allocUnsafe(256 * 1024)
  const opening = async () => {
    while (members.length < options.count) {
      const member = new Line(members.length, options)
      members.push(member)
      await member.open(shared)
    }
  }
  try {
    await Promise.all(Array.from({ length: openingsAtOnce }, opening))
  } catch (error) {
    for (const member of members) member.destroy()
    throw error
  }
  return {
    members,
    close() {
      for (const member of members) member.destroy()
    },
  }
}

class Line implements Member {
  readonly index: number
  readonly #options: Options
  #socket: net.Socket | null = null
  /** The beginning of what has not come completely. */
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
        reject(new Error('The line was closed while it was opened.'))
        if (this.#isOpen) this.#options.onClose?.(this, this.#code)
      })
      const lines = {
        Host: `127.0.0.1:${port}`,
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
        ...headers(this.index),
      }
      const head = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`)
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

  /** Frames as RFC 6455 section 5.2 has them; a server does not mask. */
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

  /** With a mask of zeros. */
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
