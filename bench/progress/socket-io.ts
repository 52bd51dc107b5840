import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server } from 'socket.io'
import { progressNow, sessionId, type Contender } from './contender.ts'

/** Opens a server of Socket.IO as its documentation shows it, with WebSockets only, one room, and `emit` to that room. */
export async function openSocketIo(): Promise<Contender> {
  let latest = progressNow()
  const server = createServer()
  const io = new Server(server, { transports: ['websocket'] })
  io.on('connection', (socket) => {
    void socket.join(sessionId)
    socket.emit('progress', latest)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    publish(progress) {
      latest = progress
      io.to(sessionId).emit('progress', progress)
    },
    close: () => io.close(),
  }
}
