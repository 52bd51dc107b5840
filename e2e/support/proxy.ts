import http from 'node:http'
import net from 'node:net'

/** A proxy between browser and server that can block live connections, as some companies have one. */
export interface Proxy {
  url: string
  /** False: the proxy refuses to upgrade connections, and cuts the ones that were upgraded. */
  allowWebSockets(allowed: boolean): void
  /** False: the proxy holds an answer back until it has ended, which a stream never does. */
  allowStreams(allowed: boolean): void
  close(): Promise<void>
}

/** Starts a proxy that passes everything on to `target`, a port of this machine. */
export async function startProxy(port: number, target: () => number): Promise<Proxy> {
  const sockets = new Set<net.Socket>()
  const upgraded = new Set<net.Socket>()
  let webSockets = true
  let streams = true

  const proxy = http.createServer((request, response) => {
    const { method, url, headers } = request
    const onward = http.request({ host: '127.0.0.1', port: target(), method, path: url, headers }, (answer) => {
      const isStream = answer.headers['content-type']?.startsWith('text/event-stream') === true
      if (isStream && !streams) return void answer.resume()
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    onward.on('error', () => response.destroy())
    response.on('close', () => onward.destroy())
    request.pipe(onward)
  })
  proxy.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  proxy.on('upgrade', (request, socket: net.Socket, head: Buffer) => {
    if (!webSockets)
      return void socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
    upgraded.add(socket)
    const onward = net.connect(target(), '127.0.0.1', () => {
      const lines = request.rawHeaders.flatMap((text, index, all) =>
        index % 2 === 0 ? [`${text}: ${all[index + 1]}`] : [],
      )
      onward.write(`GET ${request.url} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`)
      onward.write(head)
      onward.pipe(socket).pipe(onward)
    })
    const end = () => {
      upgraded.delete(socket)
      socket.destroy()
      onward.destroy()
    }
    for (const side of [socket, onward]) side.on('error', end).on('close', end)
  })
  await new Promise<void>((resolve) => proxy.listen(port, '127.0.0.1', resolve))

  return {
    url: `http://localhost:${port}`,
    allowWebSockets(allowed) {
      webSockets = allowed
      if (!allowed) for (const socket of upgraded) socket.destroy()
    },
    allowStreams(allowed) {
      streams = allowed
    },
    async close() {
      const closed = new Promise((resolve) => proxy.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
